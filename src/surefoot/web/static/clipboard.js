// Buttons that copy what they name.
export function copies(root) {
  for (const button of root.querySelectorAll("[data-copies]")) {
    const words = button.textContent;
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copies);
      try {
        await navigator.clipboard.writeText(source.textContent);
      } catch {
        // Without the right to the clipboard: select it and let the browser copy.
        getSelection().selectAllChildren(source);
        document.execCommand("copy");
      }
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = words; }, 1500);
    });
  }
}
