"""Where a running Grafana is, and how to prove who we are."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.errors import UserError


class GrafanaConnection(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HEARTWARD_GRAFANA_", extra="ignore")
    title: ClassVar[str] = "Grafana"

    url: str = Field("http://127.0.0.1:3000", description="http(s)://HOST:PORT of Grafana.")
    token: SecretStr | None = Field(
        None, description="Token of a service account that may write; or use token_file."
    )
    token_file: Path | None = Field(None, description="File whose first line is the token.")
    alert_email: str | None = Field(
        None, description="Whom alerts are sent to; without it no contact point is made."
    )

    def secret(self) -> str | None:
        """The token in clear, for the client library alone.

        Raises
        ------
        UserError
            If its file cannot be read.
        """
        if self.token is not None:
            return self.token.get_secret_value()
        if self.token_file is None:
            return None
        try:
            return self.token_file.read_text().partition("\n")[0].strip()
        except OSError as error:
            raise UserError(
                f"HEARTWARD_GRAFANA_TOKEN_FILE {self.token_file} cannot be read: {error.strerror}"
            ) from None
