// Dark or light: as the system has it, until somebody chooses. Loaded before anything is painted.
(() => {
  const system = matchMedia("(prefers-color-scheme: light)"), root = document.documentElement;
  const chosen = () => localStorage.getItem("theme");
  const apply = () => {
    root.dataset.theme = chosen() ?? (system.matches ? "light" : "dark");
    dispatchEvent(new Event("themechange"));
  };
  apply();
  system.addEventListener("change", apply);
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme")?.addEventListener("click", () => {
      localStorage.setItem("theme", root.dataset.theme === "dark" ? "light" : "dark");
      apply();
    });
  });
})();
