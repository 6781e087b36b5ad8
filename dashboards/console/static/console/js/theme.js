// Dark or light: as the system has it, until somebody chooses. Loaded before anything is painted.
(() => {
  const chosen = localStorage.getItem("theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme")?.addEventListener("click", () => {
      const isLight = matchMedia("(prefers-color-scheme: light)").matches;
      const now = document.documentElement.dataset.theme || (isLight ? "light" : "dark");
      const next = now === "dark" ? "light" : "dark";
      document.documentElement.dataset.theme = next;
      localStorage.setItem("theme", next);
      dispatchEvent(new Event("themechange"));
    });
  });
})();
