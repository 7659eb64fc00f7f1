"""An object store with the S3 protocol: versitygw, as a process in a network of the tests. It checks signatures, users and
the policies of buckets."""

import gzip
import json
import subprocess
from typing import NamedTuple

from support.otelcol import BUILT, Program, listens
from support.waiting import eventually

VERSITYGW = BUILT / "versitygw"
REGION = "eu-central-1"
PORT = 7070


class User(NamedTuple):
    key: str
    secret: str

    def environment(self):
        return {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}


ROOT = User("root", "root-secret")


class Store:
    """One store at one address. Its objects stay while it is down."""

    def __init__(self, network, address, directory):
        self.network, self.address, self._directory = network, address, directory
        self.url = f"http://{address}:{PORT}"
        for name in ("objects", "users", "metadata"):
            (directory / name).mkdir()
        self.up()

    def up(self):
        self._program = Program(self.network, [
            VERSITYGW, "--port", f"{self.address}:{PORT}", "--region", REGION, "--iam-dir", self._directory / "users", "posix",
            "--sidecar", self._directory / "metadata", self._directory / "objects"],
            {"ROOT_ACCESS_KEY": ROOT.key, "ROOT_SECRET_KEY": ROOT.secret}, self._directory / "versitygw.log")
        eventually(lambda: listens(self.network, self.address, PORT) or not self._program.running(), "the store is up")
        assert self._program.running(), self._program.log()

    def down(self):
        self._program.kill()

    @property
    def pid(self):
        return self._program.pid

    def add_user(self, user):
        self._admin("create-user", "--access", user.key, "--secret", user.secret, "--role", "user")

    def as_user(self, user):
        return Client(self, user)

    def _admin(self, *words):
        with self.network.entered():
            subprocess.run([VERSITYGW, "admin", "--allow-insecure", "--access", ROOT.key, "--secret", ROOT.secret,
                            "--endpoint-url", self.url, "--region", REGION, *words], env={}, check=True, capture_output=True)


class Client:
    """The store as one user sees it."""

    def __init__(self, store, user):
        import boto3  # installed for these tests only
        import botocore.config
        self._network = store.network
        self._s3 = boto3.session.Session().client(
            "s3", endpoint_url=store.url, region_name=REGION, aws_access_key_id=user.key, aws_secret_access_key=user.secret,
            config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0},
                                          connect_timeout=5, read_timeout=5))

    def __getattr__(self, name):
        """The functions of boto3's client, in the store's network."""
        function = getattr(self._s3, name)

        def call(**how):
            with self._network.entered():
                return function(**how)
        return call

    def may(self, name, **how):
        """Whether the store does it; False if it says that the access is denied."""
        from botocore.exceptions import ClientError
        try:
            getattr(self, name)(**how)
            return True
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error
            return False

    def keys(self, bucket):
        found, more = [], {}
        while True:
            page = self.list_objects_v2(Bucket=bucket, **more)
            found += [item["Key"] for item in page.get("Contents", [])]
            if not page["IsTruncated"]:
                return found
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def read(self, bucket, key):
        """The object, decompressed if it is compressed."""
        with self._network.entered():
            body = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def bucket_policy(policy, user, bucket):
    """The statements of an IAM policy of container/collector, as those of a bucket's policy for one user."""
    statements = json.loads(json.dumps(policy).replace("BUCKET", bucket))["Statement"]
    return [statement | {"Principal": {"AWS": [user.key]}} for statement in statements]
