// Copy buttons: data-copies is the id of the element whose text a button copies.
const CONFIRMATION_MS = 1500;

export function enableCopyButtons(root) {
  for (const button of root.querySelectorAll("[data-copies]")) {
    const label = button.textContent;
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copies);
      try {
        await navigator.clipboard.writeText(source.textContent);
      } catch {
        // The page may not use the clipboard: select the text and let the browser copy it.
        getSelection().selectAllChildren(source);
        document.execCommand("copy");
      }
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = label; }, CONFIRMATION_MS);
    });
  }
}
