// Times by the clock on the wall; the server knows only its own, which is UTC.
const two = (number) => String(number).padStart(2, "0");
document.querySelectorAll("time[datetime]").forEach((node) => {
  const at = new Date(node.dateTime);
  node.title = node.textContent;
  node.textContent = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
});
