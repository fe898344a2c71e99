"""Who must have signed an image before it is started: a real cosign, signatures in a real registry."""

import os
import subprocess
from pathlib import Path

import pytest
from dockerbox import bring, quiet, services, settled
from requirements import missing
from running import SLIPWAY

from slipway.delivery.reconcile import reconcile, stop_service
from slipway.delivery.signature import sign_image, verify_signature
from slipway.delivery.targets.docker import DockerTarget
from slipway.errors import DeliveryError
from slipway.ledger import Event, Ledger, Release, next_entry
from slipway.settings import project_settings

pytestmark = pytest.mark.timeout(600)

WHO = "https://git.example.com/acme/model/.github/workflows/cd.yml@refs/heads/main"
ISSUER = "https://token.example.com"
# Fulcio's number for the issuer of an identity.
ISSUER_OID = "1.3.6.1.4.1.57264.1.1"


@pytest.fixture(scope="module", autouse=True)
def cosign():
    """Return the program of SLIPWAY_COSIGN, of packages/slipway/ci/programs, or of the PATH."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway" / "bin" / "cosign"
    program = os.environ.get("SLIPWAY_COSIGN") or (str(cache) if cache.exists() else "cosign")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLIPWAY_COSIGN", program)
        patch.setenv("COSIGN_PASSWORD", "")
        try:
            subprocess.run([program, "version"], capture_output=True, check=True)
        except FileNotFoundError:
            missing("docker", f"there is no {program}; packages/slipway/ci/programs fetches it")
        yield program


@pytest.fixture(scope="module")
def keys(cosign, tmp_path_factory):
    """A folder with two pairs of keys, ours and theirs."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ours", "theirs"):
        run(cosign, "generate-key-pair", "--output-key-prefix", name, cwd=folder)
    return folder


def trust(project, **who):
    path = project.root / "pyproject.toml"
    lines = [f'{name} = "{value}"' for name, value in who.items()]
    path.write_text(
        "\n".join([path.read_text().partition("[tool.slipway.signature]")[0], "[tool.slipway.signature]", *lines, ""])
    )


@pytest.fixture
def fresh(shipped, yard):
    """The release in an image of its own, which nobody has signed."""
    (ship, _) = shipped
    image = yard.image(ship.bundle.digest, ship.bundle.path, f"LABEL test={os.urandom(4).hex()}")
    return type(ship)(ship.trees, ship.bundle, image)


def test_what_the_trusted_key_has_not_signed_is_not_started(on_engine, fresh, keys):
    trust(on_engine, key=str(keys / "ours.pub"))
    before = Ledger(on_engine.root).read("staging")
    with pytest.raises(DeliveryError, match=r"not signed by .*ours\.pub.*nothing was started.*no signatures found"):
        bring(on_engine, fresh)
    sign_image(fresh.image, str(keys / "theirs.key"))
    # In the words of cosign 2, and of 3.
    with pytest.raises(DeliveryError, match=r"invalid signature|signatures do not match"):
        bring(on_engine, fresh)
    assert Ledger(on_engine.root).read("staging") == before, "it has not failed: nothing has happened"

    sign_image(fresh.image, str(keys / "ours.key"))
    bring(on_engine, fresh)
    settled(on_engine, fresh, "staging")


def test_who_follows_the_ledger_does_not_start_what_is_not_signed(on_engine, fresh, keys):
    bring(on_engine, fresh)
    stop_service(on_engine.root, "staging", quiet)
    trust(on_engine, key=str(keys / "ours.pub"))
    with pytest.raises(DeliveryError, match="is not signed by"):
        reconcile(on_engine.root, "staging", quiet)
    sign_image(fresh.image, str(keys / "ours.key"))
    reconcile(on_engine.root, "staging", quiet)
    settled(on_engine, fresh, "staging")


def test_what_somebody_else_wrote_into_the_ledger_meanwhile_is_not_started_unsigned(
    on_engine, fresh, shipped, keys, monkeypatch
):
    (old, new) = shipped
    bring(on_engine, old)
    trust(on_engine, key=str(keys / "ours.pub"))
    sign_image(new.image, str(keys / "ours.key"))
    apply = DockerTarget.apply

    def apply_while_somebody_writes(target, kept):
        monkeypatch.setattr(DockerTarget, "apply", apply)
        foreign = Release(bundle=fresh.bundle.digest, image=fresh.image)
        Ledger(on_engine.root).append(
            "staging",
            lambda now: next_entry(now, Event.DEPLOY, by="Eve", release=foreign, target="docker"),
            fresh.bundle.path,
        )
        return apply(target, kept)

    monkeypatch.setattr(DockerTarget, "apply", apply_while_somebody_writes)
    with pytest.raises(DeliveryError, match=r"(?s)was written by Eve .*could not be brought back.*is not signed by"):
        bring(on_engine, new)
    assert fresh.image not in {each.image for each in services(on_engine, "staging")}


def test_an_identity_of_an_own_authority_is_held_to_its_name_and_its_issuer(on_engine, fresh, keys, tmp_path, cosign):
    certify(tmp_path, keys / "ours.pub")
    with_certificate = ("--certificate", "leaf.pem", "--certificate-chain", "roots.pem")
    run(
        cosign,
        "sign",
        "--key",
        str(keys / "ours.key"),
        *with_certificate,
        "--tlog-upload=false",
        "--yes",
        fresh.image,
        cwd=tmp_path,
    )
    roots = str(tmp_path / "roots.pem")
    trust(on_engine, identity=WHO, issuer=ISSUER, roots=roots)
    verify_signature(on_engine.root, project_settings(on_engine.root).signature, fresh.image)
    for other in ({"identity": WHO.replace("main", "mine")}, {"issuer": "https://other.example.com"}):
        trust(on_engine, **({"identity": WHO, "issuer": ISSUER, "roots": roots} | other))
        with pytest.raises(DeliveryError, match="none of the expected identities matched"):
            verify_signature(on_engine.root, project_settings(on_engine.root).signature, fresh.image)
    certify(tmp_path / "elsewhere", keys / "ours.pub")
    trust(on_engine, identity=WHO, issuer=ISSUER, roots=str(tmp_path / "elsewhere" / "roots.pem"))
    with pytest.raises(DeliveryError, match="unknown authority"):
        verify_signature(on_engine.root, project_settings(on_engine.root).signature, fresh.image)


def certify(folder, key):
    """An authority, and a certificate of it that says who holds the private key of `key`."""
    folder.mkdir(exist_ok=True)
    (folder / "words").write_text(
        f"subjectAltName = critical, URI:{WHO}\nkeyUsage = critical, digitalSignature\n"
        f"extendedKeyUsage = codeSigning\n{ISSUER_OID} = DER:{ISSUER.encode().hex(':')}\n"
    )
    ca = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"]
    new = ["-newkey", "rsa:2048", "-nodes", "-keyout", "root.key", "-subj", "/O=acme", "-days", "1"]
    run("openssl", "req", "-x509", *new, *ca, "-out", "roots.pem", cwd=folder)
    by = ["-CA", "roots.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "1", "-extfile", "words"]
    run("openssl", "x509", "-new", "-subj", "/", "-force_pubkey", str(key), *by, "-out", "leaf.pem", cwd=folder)


def run(*words, cwd):
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr


def test_without_cosign_nothing_is_trusted(on_engine, fresh, keys, monkeypatch):
    trust(on_engine, key=str(keys / "ours.pub"))
    monkeypatch.setenv("SLIPWAY_COSIGN", "no-such-cosign")
    with pytest.raises(DeliveryError, match="There is no no-such-cosign"):
        bring(on_engine, fresh)


def test_a_table_that_names_nobody_or_both_is_refused(on_engine):
    for who in ({"identity": WHO}, {"key": "a.pub", "identity": WHO, "issuer": ISSUER}, {"keys": "a.pub"}):
        trust(on_engine, **who)
        done = subprocess.run([SLIPWAY, "status"], cwd=on_engine.root, capture_output=True, text=True)
        assert done.returncode != 0
        assert "pyproject.toml: tool.slipway" in done.stderr
