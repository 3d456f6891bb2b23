"""Addresses of signing in. allauth looks for the names that begin with `account_` and `mfa_`."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts import factor_views, views
from accounts.email_views import confirm_email, send_link
from accounts.invitation_views import invitation
from accounts.preference_page import preferences, switch_preference

urlpatterns = [
    path("login/", views.SignIn.as_view(), name="login"),
    path("login/", views.SignIn.as_view(), name="account_login"),
    path("login/code/", factor_views.SecondFactor.as_view(), name="mfa_authenticate"),
    path("login/passkey/", factor_views.PasskeySignIn.as_view(), name="mfa_login_webauthn"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("password/forgotten/", views.ForgottenPassword.as_view(), name="password_reset"),
    path("password/sent/", views.LinkSent.as_view(), name="password_reset_done"),
    path(
        "password/new/<uidb36>/<key>/",
        views.NewPassword.as_view(),
        name="account_reset_password_from_key",
    ),
    path("password/change/", views.ChangePassword.as_view(), name="password_change"),
    path("preferences/", preferences, name="preferences"),
    path("preferences/switch", switch_preference, name="preference-switch"),
    path("invitation/<str:token>/", invitation, name="invitation"),
    path("email/send/", send_link, name="email-send"),
    path("email/confirm/<str:key>/", confirm_email, name="email-confirm"),
    path("sessions/", views.Sessions.as_view(), name="sessions"),
    path("confirm/", factor_views.Confirm.as_view(), name="account_reauthenticate"),
    path("security/", factor_views.Security.as_view(), name="mfa_index"),
    path("security/app/", factor_views.TotpOn.as_view(), name="mfa_activate_totp"),
    path("security/app/off/", factor_views.TotpOff.as_view(), name="mfa_deactivate_totp"),
    path("security/codes/", factor_views.Codes.as_view(), name="mfa_view_recovery_codes"),
    path(
        "security/codes/new/", factor_views.NewCodes.as_view(), name="mfa_generate_recovery_codes"
    ),
    path("security/passkeys/add/", factor_views.PasskeyAdd.as_view(), name="mfa_add_webauthn"),
    path(
        "security/passkeys/<int:pk>/rename/",
        factor_views.PasskeyRename.as_view(),
        name="mfa_edit_webauthn",
    ),
    path(
        "security/passkeys/<int:pk>/remove/",
        factor_views.PasskeyRemove.as_view(),
        name="mfa_remove_webauthn",
    ),
]
