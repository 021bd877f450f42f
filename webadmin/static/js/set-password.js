// Takes what opens the link from behind its #, where no server sees it, into the form; then out of the address.
const form = document.getElementById("set-password");
const word = window.location.hash.slice(1);

if (form && word) {
  form.elements.word.value = word;
  form.hidden = false;
  document.getElementById("dead-link").hidden = true;
  window.history.replaceState(null, "", window.location.pathname);
  form.elements.password.focus();
}
