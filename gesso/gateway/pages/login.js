// Extras for browsers with scripts: why one is here, and the secret shown while it is typed. The page works without.
const ended = document.getElementById("ended");
if (ended) ended.hidden = !new URLSearchParams(location.search).has("ended");

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
