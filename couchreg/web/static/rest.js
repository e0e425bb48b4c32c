// The rest of a page that was there at once with what was known: asked for, and put where it belongs.

const waiting = document.querySelector("[data-rest]");

async function fill() {
  const answer = await fetch(waiting.dataset.rest, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const parts = [...document.querySelectorAll("[data-part]")];
  const found = parts.map((part) => page.querySelector(`[data-part="${part.dataset.part}"]`));
  if (!answer.ok || found.includes(null)) throw new Error(`The server answered ${answer.status}.`);
  parts.forEach((part, at) => {
    const isHere = part.contains(document.activeElement);
    if (isHere && part.dataset.part === "ask") return; // somebody is writing in it
    part.replaceChildren(...found[at].childNodes);
    if (isHere) part.querySelector("[tabindex]")?.focus();
  });
}

fill().catch((error) => {
  waiting.setAttribute("role", "alert");
  waiting.textContent = `The rest of this page did not come: ${error.message} Load it again to have another try.`;
});
