"""Signatures as Amazon's manual gives them."""

import datetime as dt
import hashlib

from holdfast.store.signed_requests import Signer

NOW = dt.datetime(2013, 5, 24, tzinfo=dt.UTC)
EMPTY = hashlib.sha256(b"").hexdigest()
SIGNER = Signer("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "", "us-east-1")
HOST = {"Host": "examplebucket.s3.amazonaws.com"}


def signature(*arguments, **named):
    return SIGNER.headers(*arguments, **named, now=NOW)["authorization"]


def test_a_get_of_a_file():
    found = signature("GET", "/test.txt", "", HOST | {"Range": "bytes=0-9"}, digest=EMPTY)
    assert found == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


def test_a_get_of_a_buckets_setting():
    found = signature("GET", "/", "lifecycle=", HOST, digest=EMPTY)
    assert found.endswith("Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")


def test_a_put():
    headers = HOST | {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"}
    digest = hashlib.sha256(b"Welcome to Amazon S3.").hexdigest()
    found = signature("PUT", "/test%24file.text", "", headers, digest=digest)
    assert found.endswith("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")


def test_a_session_token_is_signed_too():
    signer = Signer("id", "key", "token", "eu-west-1")
    headers = signer.headers("GET", "/", "", HOST, digest=EMPTY, now=NOW)
    assert headers["x-amz-security-token"] == "token"
    assert "x-amz-security-token" in headers["authorization"]
