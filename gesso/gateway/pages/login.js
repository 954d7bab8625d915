// An extra for browsers with scripts: show the key while it is typed. The page works without.
const key = document.getElementById("key");
const show = document.getElementById("show");
if (key && show) {
  show.hidden = false;
  show.addEventListener("click", () => {
    const shown = key.type === "text";
    key.type = shown ? "password" : "text";
    show.textContent = shown ? "Show" : "Hide";
    show.setAttribute("aria-pressed", String(!shown));
    key.focus();
  });
}
