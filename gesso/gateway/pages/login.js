// An extra for browsers with scripts: show the secret while it is typed. The page works without.
if (location.hash) {
  // Browsers give the focus to nothing by themselves where an address names a place on the page.
  document.querySelector("[autofocus]")?.focus();
}
const secret = document.querySelector(".field > input");
const show = document.getElementById("show");
if (secret && show) {
  show.hidden = false;
  show.addEventListener("click", () => {
    const shown = secret.type === "text";
    secret.type = shown ? "password" : "text";
    show.textContent = shown ? "Show" : "Hide";
    show.setAttribute("aria-pressed", String(!shown));
    secret.focus();
  });
  // Sent hidden again: browsers remember what was typed into fields that can be read.
  secret.form.addEventListener("submit", () => { secret.type = "password" });
}
