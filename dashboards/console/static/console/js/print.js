// Print this page.
document.getElementById("print").addEventListener("click", () => print());
