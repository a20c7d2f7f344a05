// Code in tables: a bar is escaped there for readers who show the file itself, and an option like
// --json must not be broken behind its dashes. A long name may be, behind an underscore.
const LONG = 24;

for (const code of document.querySelectorAll("td code")) {
  const words = code.textContent.replaceAll("\\|", "|").split(" ");
  code.replaceChildren(...words.flatMap((word, at) => (at ? [" ", whole(word)] : [whole(word)])));
}

function whole(word) {
  const shown = document.createElement("span");
  shown.style.whiteSpace = "nowrap";
  const parts = word.length > LONG ? word.split(/(?<=_)/) : [word];
  shown.append(...parts.flatMap((part, at) => (at ? [document.createElement("wbr"), part] : [part])));
  return shown;
}
