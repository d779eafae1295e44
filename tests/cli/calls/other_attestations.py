"""Reads and makes attestations with in-toto-attestation, securesystemslib and model-signing.

    python3 other_attestations.py read ATTESTATION PUBLIC_KEY       prints the statement, if the signature is good
    python3 other_attestations.py make ATTESTATION PRIVATE_KEY MODEL OUT
                                                     attests the files of MODEL, with the predicate of ATTESTATION
    python3 other_attestations.py files MODEL        prints the files that model-signing would sign
"""

import json
import subprocess
import sys
from pathlib import Path

ENVIRONMENT = Path(__file__).parents[3] / "scripts/environment"
sys.path.insert(0, subprocess.check_output(
    ["bash", "-c", f'. "{ENVIRONMENT}" && echo "$AZIMUTH_IN_TOTO"'], text=True).strip())
sys.dont_write_bytecode = True

import model_signing
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from google.protobuf import json_format
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as Message
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner, SSlibKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"


def statement_in(envelope):
    statement = Statement.copy_from_pb(json_format.Parse(envelope.payload, Message()))
    statement.validate()
    return json_format.MessageToDict(statement.pb)


def envelope_in(file):
    return Envelope.from_dict(json.loads(Path(file).read_text()))


def read(attestation, public_key):
    envelope = envelope_in(attestation)
    key = SSlibKey.from_crypto(load_pem_public_key(Path(public_key).read_bytes()))
    envelope.verify([key], 1)
    assert envelope.payload_type == PAYLOAD_TYPE
    print(json.dumps(statement_in(envelope)))


def files_of(model):
    hashed = model_signing.hashing.Config().hash(model).resource_descriptors()
    return [{"name": file.identifier, "digest": {file.digest.algorithm: file.digest.digest_hex}} for file in hashed]


def make(attestation, private_key, model, out):
    old = statement_in(envelope_in(attestation))
    subjects = [ResourceDescriptor(name=file["name"], digest=file["digest"]).pb for file in files_of(model)]
    statement = Statement(subjects, old["predicateType"], old["predicate"])
    statement.validate()
    payload = json_format.MessageToJson(statement.pb, indent=1).encode()
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(CryptoSigner(load_pem_private_key(Path(private_key).read_bytes(), None)))
    Path(out).write_text(json.dumps(envelope.to_dict(), indent=1))


def files(model):
    print(json.dumps(files_of(model)))


{"read": read, "make": make, "files": files}[sys.argv[1]](*sys.argv[2:])
