// Forms with data-passkey: asks the browser for a passkey ("create" or "get") and sends its answer.
// Their buttons are shown only where the browser can do that.
"use strict";

const optionsOf = async (form) => {
  if (form.dataset.options) return JSON.parse(form.dataset.options);
  const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
  if (answer.status === 429) return null;
  return (await answer.json()).request_options;
};

const show = (form, name, shown) => {
  const line = form.querySelector(`[data-passkey-${name}]`);
  if (line) line.hidden = !shown;
};

const send = async (form) => {
  show(form, "failed", false);
  show(form, "refused", false);
  try {
    const options = await optionsOf(form);
    if (!options) return show(form, "refused", true);
    const passkey = await window.webauthnJSON[form.dataset.passkey](options);
    form.elements.credential.value = JSON.stringify(passkey);
    form.submit();
  } catch {
    show(form, "failed", true);
  }
};

if (window.webauthnJSON?.supported()) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.querySelector("button").hidden = false;
    show(form, "missing", false);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send(form);
    });
  }
}
