// What ends the watch over somebody is asked for twice.
document.querySelectorAll("form[data-sure]").forEach((form) => {
  form.addEventListener("submit", (event) => { if (!confirm(form.dataset.sure)) event.preventDefault(); });
});
