// Code in tables: a bar is escaped there for readers who show the file itself, and an option like
// --json must not be broken behind its dashes.
for (const code of document.querySelectorAll("td code")) {
  const words = code.textContent.replaceAll("\\|", "|").split(" ");
  code.replaceChildren(
    ...words.flatMap((word, at) => {
      const whole = document.createElement("span");
      whole.style.whiteSpace = "nowrap";
      whole.textContent = word;
      return at ? [" ", whole] : [whole];
    }),
  );
}
