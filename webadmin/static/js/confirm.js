// What one click would do away with is asked about first: buttons that look dangerous and send at once, and those that
// carry a sentence of their own in [data-confirm]. The question names what the button names. Questions with more to
// say are pages of the server ([data-sheet]); [data-no-ask] is for what is a question already.
const ASKED = "button.btn-danger-quiet:not([formnovalidate], [data-needs-marked], [data-no-ask]), button[data-confirm]";
const words = document.body.dataset;
let dialog;

const part = (tag, className, text) => Object.assign(document.createElement(tag), { className, textContent: text ?? "" });

function made() {
  dialog = part("dialog", "sheet sheet-small");
  dialog.setAttribute("aria-labelledby", "confirm-title");
  const card = part("div", "card");
  const [body, foot] = [part("div", "card-body"), part("div", "form-foot")];
  const title = part("h2", "h3 mb-2");
  title.id = "confirm-title";
  const [sure, cancel] = [part("button", "btn btn-danger"), part("button", "btn btn-quiet", words.cancel)];
  sure.type = cancel.type = "button";
  cancel.addEventListener("click", () => dialog.close());
  body.append(title, part("p", "mb-0"));
  foot.append(sure, cancel);
  card.append(body, foot);
  dialog.append(card);
  document.body.append(dialog);
  return dialog;
}

function ask(form, button) {
  const box = dialog ?? made();
  const [title, text, sure] = [box.querySelector("h2"), box.querySelector("p"), box.querySelector(".btn-danger")];
  const said = (button.getAttribute("aria-label") ?? button.textContent).trim();
  title.textContent = `${said}?`;
  text.textContent = button.dataset.confirm || words.confirm;
  sure.textContent = button.textContent.trim() || said;
  sure.onclick = () => {
    box.close();
    form.dataset.sure = "yes";
    form.requestSubmit(button);
    delete form.dataset.sure;
  };
  box.showModal();
  sure.focus();
}

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button?.matches(ASKED) || event.target.dataset.sure || event.target.hasAttribute("data-stream")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  ask(event.target, button);
}, { capture: true });
