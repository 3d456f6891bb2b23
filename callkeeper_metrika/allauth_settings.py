"""Settings of django-allauth, which carries signing in and second factors (docs/decisions/0072)."""

from __future__ import annotations

ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "reauthenticate": "accounts.factor_forms.ConfirmPasswordForm",
    "user_token": "accounts.forms.LinkForm",
}
ACCOUNT_LOGIN_METHODS = {"username"}
# Addresses are those of auth.User; the table of allauth tells which of them people have named
# themselves, and whether they are confirmed (accounts.emails). Nobody is kept from signing in.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS = 3
# Attempts are counted by accounts.sign_in_limits: before anything is hashed, and without a lock.
ACCOUNT_RATE_LIMITS = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_AUTHENTICATED_LOGIN_REDIRECTS = False
# Asked before second factors are changed.
ACCOUNT_REAUTHENTICATION_METHODS = ("password",)

MFA_ADAPTER = "accounts.adapters.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_FORMS = {
    "activate_totp": "accounts.factor_forms.TotpOnForm",
    "add_webauthn": "accounts.factor_forms.PasskeyAddForm",
    "authenticate": "accounts.factor_forms.CodeForm",
    "authenticate_webauthn": "accounts.factor_forms.PasskeyForm",
    "edit_webauthn": "accounts.factor_forms.PasskeyRenameForm",
    "login_webauthn": "accounts.factor_forms.PasskeySignInForm",
}
MFA_RATE_LIMITS = False
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
# A code is valid for 30 s before and after its own 30 s: clocks of telephones are not exact.
MFA_TOTP_TOLERANCE = 1
