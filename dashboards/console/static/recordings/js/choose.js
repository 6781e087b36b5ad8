// Two recordings are chosen to be compared.

const form = document.getElementById("choose"), button = document.getElementById("compare");
const boxes = [...form.querySelectorAll("input[type=checkbox]")];

function chosen() {
  return boxes.filter((box) => box.checked);
}

form.addEventListener("change", (event) => {
  const now = chosen();
  // A third one takes the place of the first.
  if (now.length > 2) (now.find((box) => box !== event.target) ?? now[0]).checked = false;
  button.disabled = chosen().length !== 2;
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const [a, b] = chosen();
  if (a && b) location.assign(`${form.action}?a=${a.value}&b=${b.value}`);
});
