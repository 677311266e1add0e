"""The messages of MCP as far as the documentation of the API describes them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class McpMessage(BaseModel):
    """One JSON-RPC 2.0 message: a request, a notification (without id) or a response."""

    model_config = ConfigDict(extra="allow")

    jsonrpc: str = Field(description='Always "2.0"')
    id: str | int | None = None
    method: str | None = None
    params: dict[str, Any] | None = None


class McpReply(BaseModel):
    """The response to a request: its result, or an error of the method."""

    model_config = ConfigDict(extra="allow")

    jsonrpc: str
    id: str | int | None
    result: dict[str, Any] | None = None


# --- /api/mcp -------------------------------------------------------------------------------------
class MastraFailure(BaseModel):
    """An error of Mastra's routes."""

    error: str


class McpVersionDetail(BaseModel):
    version: str
    release_date: str = Field(description="ISO 8601")
    is_latest: bool


class McpServerBody(BaseModel):
    id: str
    name: str
    description: str | None = None
    version_detail: McpVersionDetail
    transports: list[str]


class McpServerList(BaseModel):
    servers: list[McpServerBody]
    total_count: int
    next: str | None = Field(description="Address of the page behind this one")


class McpServerListQuery(BaseModel):
    """Pages of `perPage` servers, counted from 0, or `limit` of them behind `offset`."""

    page: int = Field(default=0, ge=0)
    perPage: int | None = Field(default=None, ge=1)  # noqa: N815 - the wire's name
    limit: int | None = Field(default=None, ge=1)
    offset: int = Field(default=0, ge=0)

    def window(self, total: int) -> tuple[int, int]:
        """From and to; everything without a size."""
        if self.perPage is not None:
            return self.page * self.perPage, (self.page + 1) * self.perPage
        return self.offset, self.offset + self.limit if self.limit else total

    def following(self, total: int) -> str | None:
        """The query of the next page, None behind the last."""
        if self.window(total)[1] >= total:
            return None
        if self.perPage is not None:
            return f"perPage={self.perPage}&page={self.page + 1}"
        return f"limit={self.limit}&offset={self.window(total)[1]}"


class McpServerQuery(BaseModel):
    version: str | None = None


class McpToolBody(BaseModel):
    model_config = ConfigDict(extra="allow")

    id: str
    name: str
    description: str
    inputSchema: dict[str, Any]  # noqa: N815 - the wire's name


class McpToolList(BaseModel):
    tools: list[McpToolBody]


class McpExecution(BaseModel):
    data: dict[str, Any] = Field(default_factory=dict, description="The arguments")


class McpExecuted(BaseModel):
    """`result` is what the tool gave back; with `status` "suspended" a person has to decide."""

    model_config = ConfigDict(extra="allow")

    result: Any = None
    status: str | None = None


class McpResourceList(BaseModel):
    resources: list[dict[str, Any]]


class McpResourceRead(BaseModel):
    uri: str


class McpResourceContents(BaseModel):
    contents: list[dict[str, Any]]
