import asyncio
import datetime
import gzip
import ssl
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from runs.providers.client import new_client, shared_client
from tests.providers.samples import OK, answer, openai, run
from tests.providers.upstream import upstream

PLAIN_HEAD = b"HTTP/1.1 200 OK\r\n"


def fetched(*writes: bytes, close: bool = False) -> httpx.Response:
    """The response to a server that writes these bytes, one write after the other."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for data in writes:
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(0)
        if close:
            writer.close()
        else:
            await reader.read()
            writer.close()

    async def main() -> httpx.Response:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, new_client() as client:
            return await client.get(f"http://127.0.0.1:{port}/", timeout=5)

    return run(main())


def test_it_reads_a_chunked_body_cut_at_every_byte() -> None:
    stream = PLAIN_HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"

    assert fetched(*(bytes([byte]) for byte in stream)).content == b"hello!"


def test_it_reads_a_body_with_a_length() -> None:
    assert fetched(PLAIN_HEAD + b"content-length: 5\r\n\r\nhello").content == b"hello"


def test_it_reads_a_body_that_ends_with_the_connection() -> None:
    assert fetched(PLAIN_HEAD + b"\r\nhel", b"lo", close=True).content == b"hello"


def test_it_passes_over_interim_answers() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    response = fetched(interim, PLAIN_HEAD + b"content-length: 2\r\n\r\nok")

    assert (response.status_code, response.content) == (200, b"ok")
    assert "link" not in response.headers


def test_it_leaves_decoding_to_httpx() -> None:
    body = gzip.compress(b"hello")
    head = b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body)

    assert fetched(PLAIN_HEAD + head + body).content == b"hello"


def test_it_reads_a_large_body_without_losing_a_byte() -> None:
    body = bytes(range(256)) * 8_192
    head = b"content-length: %d\r\n\r\n" % len(body)

    assert fetched(PLAIN_HEAD + head, body).content == body


@pytest.mark.parametrize(
    "writes",
    [
        pytest.param([b"SMTP ready\r\n\r\n"], id="not HTTP"),
        pytest.param([PLAIN_HEAD + b"content-length: 9\r\n\r\nhal"], id="cut body"),
        pytest.param([PLAIN_HEAD], id="cut head"),
        pytest.param([b""], id="nothing"),
        pytest.param([PLAIN_HEAD + b"x: %s\r\n" % (b"y" * 200_000)], id="endless head"),
    ],
)
def test_it_reports_a_broken_answer(writes: list[bytes]) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        fetched(*writes, close=True)


def test_it_speaks_only_http() -> None:
    async def main() -> None:
        async with new_client() as client:
            await client.get("ftp://example.org/")

    with pytest.raises(httpx.UnsupportedProtocol):
        run(main())


def test_it_shares_one_client_per_event_loop() -> None:
    async def main() -> httpx.AsyncClient:
        assert shared_client() is shared_client()
        return shared_client()

    assert run(main()) is not run(main())


def test_it_keeps_httpx_own_transport_where_a_proxy_is_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")

    assert type(new_client()._transport) is httpx.AsyncHTTPTransport


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert_file, key_file


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return _certificate(tmp_path)[0]


def _server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    return context


def test_it_streams_over_tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def main() -> str | None:
        async with upstream(OK, tls=_server_side(certificate)) as server:
            await answer(openai(server.url))
            response, _ = await answer(openai(server.url))
            assert server.connections == 1
            return response.text

    assert run(main()) == "fine"


def test_it_refuses_a_certificate_nobody_vouches_for(certificate: Path) -> None:
    async def main() -> None:
        async with upstream(OK, tls=_server_side(certificate)) as server, new_client() as client:
            await client.post(server.url)

    with pytest.raises(httpx.ConnectError):
        run(main())
