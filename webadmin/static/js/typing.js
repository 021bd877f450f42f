// Whether a key that was pressed is text for a field, and no order to the page. A box to mark takes no text; the field of
// a dialog that has just closed keeps the focus until the next frame, and nobody types there.
const FIELDS = ":is(input:not([type=checkbox]), textarea, select, [contenteditable])";

export const isTyping = (target) => target.closest?.(`${FIELDS}:not(dialog:not([open]) *)`) != null;
