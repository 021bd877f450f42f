// A page that nobody looks at asks for nothing, and a menu or text selection under the pointer is not torn away.
document.addEventListener("htmx:before:request", (event) => {
  const source = event.detail?.ctx?.sourceElement;
  if (source?.matches?.("[data-poll]") && document.hidden) event.preventDefault();
});
