// Asks the browser for a passkey, or has one made, and sends its answer with the form marked [data-passkey].
// Browsers know passkeys on https and localhost only; elsewhere these forms stay hidden and [data-passkey-none] says so.
const forms = document.querySelectorAll("form[data-passkey]");
const able = window.isSecureContext && "credentials" in navigator && "PublicKeyCredential" in window;

document.querySelectorAll("[data-passkey-none]").forEach((note) => { note.hidden = able; });
if (able) forms.forEach((form) => { form.hidden = false; form.addEventListener("submit", send); });

async function send(event) {
  const form = event.currentTarget;
  event.preventDefault();
  event.stopPropagation();
  const note = form.querySelector("[data-passkey-note]");
  if (note) note.hidden = true;
  try {
    const answer = await fetch(form.dataset.options, {
      method: "POST", headers: { "X-CSRFToken": form.elements.csrf_token.value },
    });
    if (!answer.ok) throw new Error(String(answer.status));
    const key = await ask(form.dataset.passkey, await answer.json());
    form.querySelector("input[name$=passkey]").value = JSON.stringify(written(key));
    form.submit();
  } catch {
    // Closed by the person, or over: what to do instead stands in the note.
    if (note) note.hidden = false;
  }
}

function ask(kind, options) {
  const publicKey = { ...options, challenge: bytes(options.challenge) };
  if (options.user) publicKey.user = { ...options.user, id: bytes(options.user.id) };
  for (const list of ["allowCredentials", "excludeCredentials"]) {
    if (options[list]) publicKey[list] = options[list].map((one) => ({ ...one, id: bytes(one.id) }));
  }
  return navigator.credentials[kind]({ publicKey });
}

function written(key) {
  const { response } = key;
  const told = { clientDataJSON: text(response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) told[name] = text(response[name]);
  }
  if (response.getTransports) told.transports = response.getTransports();
  return { id: key.id, rawId: text(key.rawId), type: key.type, response: told, clientExtensionResults: {} };
}

function bytes(word) {
  const plain = atob(word.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function text(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
