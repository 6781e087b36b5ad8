"""Heartward's front door: one command line, one lazy import per subcommand."""


def main() -> None:
    raise SystemExit("not built yet")


if __name__ == "__main__":
    main()
