"""figway serve: carries traffic, with one worker in this process, or several under uvicorn's supervisor."""

import json
import sys
import tempfile
from functools import partial
from pathlib import Path

import click


@click.command()
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option("--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT|unix:PATH",
              help="The data port.")
@click.option("--admin", default="127.0.0.1:9090", show_default=True, metavar="HOST:PORT", help="The admin port.")
@click.option("--admin-host", "admin_hosts", multiple=True, metavar="NAME", envvar="FIGWAY_ADMIN_HOST",
              help="A name under which the admin port answers; repeatable.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Number of processes.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="PEM file with the certificate: enables TLS.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="PEM file with its key.")
@click.option("--access-log/--no-access-log", default=True, show_default=True, help="One JSON line for each request.")
def serve(
    config: Path, listen: str, admin: str, admin_hosts: tuple[str, ...], workers: int, tls_cert: Path | None,
    tls_key: Path | None, access_log: bool,
) -> None:
    """Carry traffic until SIGTERM or SIGINT. SIGHUP, or a change of the file, reloads the configuration.

    Exits with 0 after a clean stop, with 2 if the configuration or an address cannot be used. A store that cannot be
    opened stops nothing: traffic is carried, and the shadow starts once the store can be opened.
    """
    from gateway import hangup, plugins, stdio

    stdio.open_missing()
    hangup.hold()
    from gateway.admin.access import NAME
    from gateway.app import Launch
    from gateway.binding import ListenError
    from gateway.forked import answer_of_copy
    from gateway.launch import Ports, run

    data = listen.removeprefix("unix:") if listen.startswith("unix:") else _address(listen)
    for name in admin_hosts:
        if NAME.fullmatch(name) is None:
            raise click.UsageError(f'--admin-host: "{name}" is not a host name, ".domain" or "*"')
    check = partial(_checked, config, tls_cert, tls_key)
    if workers == 1:
        grace, door, everybody = check()
    else:
        # The workers are copies of this process, so it must not run what plugins of others would start or open. A copy
        # checks the configuration, and this process loads only those of our own modules that were needed for it.
        (grace, door, everybody), modules = json.loads(
            answer_of_copy(lambda: json.dumps([check(), plugins.loaded()]).encode()))
        plugins.preload(modules)
    ports = Ports(data, _address(admin), admin_hosts, Path(door) if door else None, everybody)
    try:
        with tempfile.TemporaryDirectory(prefix="figway-") as folder:
            run(Launch(str(config), folder if workers > 1 else "", access_log, workers, str(tls_cert or ""),
                       str(tls_key or "")),
                ports, workers, grace)
    except ListenError as error:
        stdio.to_stderr(f"figway: {error}")
        sys.exit(2)


def _checked(config: Path, tls_cert: Path | None, tls_key: Path | None) -> tuple[float, str, bool]:
    """Check the configuration and the data port's files of TLS. Return the seconds of its drain, the Unix socket for
    commands ("" for none), and whether everybody may open that. Exits with 2, and says why, if they cannot be used."""
    from gateway import stdio
    from gateway.config.attempts import build_in_time
    from gateway.config.exposed import EXPOSED
    from gateway.config.problem import Findings, Invalid
    from gateway.config.tls import check_port

    findings = Findings()
    check_port(tls_cert, tls_key, findings)
    try:
        configuration = build_in_time(config)
        if findings.problems:
            raise Invalid([])
    except Invalid as invalid:
        for problem in Invalid([*invalid.problems, *findings.problems]).problems:
            stdio.to_stderr(str(problem))
        sys.exit(2)
    for warning in [*findings.warnings, *(one for one in configuration.warnings if one.code == EXPOSED)]:
        stdio.to_stderr(f"warning: {warning}")
    control = configuration.control
    return configuration.edge.drain_grace, str(control.socket or ""), control.is_set


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdigit() or int(port) > 65535:
        raise click.UsageError(f'"{text}" is not HOST:PORT')
    return host, int(port)
