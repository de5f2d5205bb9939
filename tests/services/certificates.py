"""Certificates for tests of TLS, made by `openssl`.

A folder of them holds, all in PEM and with keys in PKCS #8:

- ca.pem: the authority that signed the servers and the client
- server.pem: key and certificate of every node, for 127.0.0.1 to 127.0.0.3 and localhost
- client.pem, client.key: what a client shows of itself
- stranger-ca.pem, stranger.pem, stranger.key: another authority and its client, to be refused
"""
import shutil
import subprocess

from artifacts import die

DAYS = "825"
EC_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
SETTINGS = """[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:127.0.0.2, IP:127.0.0.3
[client]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
"""


def openssl(folder, *arguments):
    done = subprocess.run(["openssl", *arguments], cwd=folder, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        die(f"openssl {' '.join(arguments)} failed in {folder}:\n{done.stdout}")


def authority(folder, name):
    openssl(folder, "req", "-x509", "-config", "openssl.cnf", "-extensions", "authority", *EC_KEY,
            "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", DAYS, "-subj", f"/CN={name}")


def signed(folder, name, signer, kind, serial):
    openssl(folder, "req", "-new", "-config", "openssl.cnf", *EC_KEY, "-keyout", f"{name}.key",
            "-out", f"{name}.request", "-subj", f"/CN=scribed-{name}")
    openssl(folder, "x509", "-req", "-in", f"{name}.request", "-CA", f"{signer}.pem", "-CAkey",
            f"{signer}.key", "-set_serial", str(serial), "-days", DAYS, "-extfile", "openssl.cnf",
            "-extensions", kind, "-out", f"{name}.pem")


def make(folder):
    """Makes a folder of certificates."""
    if not shutil.which("openssl"):
        die("openssl is missing, which makes the certificates for --tls: install openssl")
    folder.mkdir()
    (folder / "openssl.cnf").write_text(SETTINGS, encoding="utf-8")
    for name in ("ca", "stranger-ca"):
        authority(folder, name)
    signed(folder, "server", "ca", "server", 1)
    signed(folder, "client", "ca", "client", 2)
    signed(folder, "stranger", "stranger-ca", "client", 1)
    server = folder / "server.pem"
    server.write_text((folder / "server.key").read_text() + server.read_text(), encoding="utf-8")
