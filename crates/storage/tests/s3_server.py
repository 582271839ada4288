"""Runs moto's S3 server on a free port until its standard input ends. Prints the port.

With the argument --tls it has a certificate of an authority of its own; then the authority's certificate is written to the file
that is named next.
"""

import datetime
import ipaddress
import logging
import os
import sys
import tempfile
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


def certificates(authority_file):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def make(name, issuer, key, signing_key, extension):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(days=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=1))
        return builder.add_extension(extension, critical=True).sign(signing_key, hashes.SHA256())

    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    authority_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    is_authority = x509.BasicConstraints(ca=True, path_length=None)
    authority = make(name("authority"), name("authority"), authority_key, authority_key, is_authority)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    server = make(name("server"), name("authority"), key, authority_key, address)
    pem = serialization.Encoding.PEM
    with open(authority_file, "wb") as file:
        file.write(authority.public_bytes(pem))
    directory = tempfile.mkdtemp()
    files = os.path.join(directory, "server.pem"), os.path.join(directory, "server.key")
    with open(files[0], "wb") as file:
        file.write(server.public_bytes(pem))
    with open(files[1], "wb") as file:
        format = serialization.PrivateFormat.PKCS8
        file.write(key.private_bytes(pem, format, serialization.NoEncryption()))
    return files


logging.getLogger("werkzeug").setLevel(logging.ERROR)
tls = certificates(sys.argv[2]) if sys.argv[1:2] == ["--tls"] else None
application = DomainDispatcherApplication(create_backend_app)
server = make_server("127.0.0.1", 0, application, threaded=True, ssl_context=tls)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
os._exit(0)
