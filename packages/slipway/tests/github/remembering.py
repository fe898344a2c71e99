"""Rulesets and environments as GitHub keeps them: what it adds to what it is told, and what its plans refuse."""

import re
from base64 import b64decode, b64encode

from nacl.public import PrivateKey, SealedBox

ACTIONS = "/repos/acme/model"
PEOPLE = {"/users/ann": {"id": 11, "login": "Ann"}, "/orgs/acme/teams/ml": {"id": 22, "slug": "ml"}}
UPGRADE = (403, {"message": "Upgrade to GitHub Pro or make this repository public to enable this feature."}, {})
BILLING = (422, {"message": "Please ensure the billing plan supports the required reviewers protection rule."}, {})


class Remembering:
    """A repository of one plan: public, team (no reviewers) or free (no rulesets, no environments)."""

    def __init__(self, plan: str = "public") -> None:
        self.plan = plan
        self.rulesets: dict[int, dict] = {}
        self.environments: dict[str, dict] = {}
        self.branches: dict[str, dict[int, str]] = {}
        self.keys: dict[int, dict] = {}
        # What GitHub can open, by environment: libsodium's sealed boxes.
        self.secrets: dict[str, str] = {}
        self.writers = ["ann", "ben"]
        self.seal = PrivateKey.generate()

    def __call__(self, asked):
        path = asked.path.partition("?")[0]
        if path in PEOPLE:
            return PEOPLE[path]
        if path == ACTIONS:
            return {"private": self.plan != "public", "permissions": {"admin": True}}
        for pattern, answer in (
            (r"/keys(?:/(\d+))?", self._key),
            (r"/collaborators", self._people),
            (r"/environments/([\w-]+)/secrets/([\w-]+)", self._secret),
            (r"/rulesets(?:/(\d+))?", self._ruleset),
            (r"/environments/([\w-]+)", self._environment),
            (r"/environments/([\w-]+)/deployment-branch-policies(?:/(\d+))?", self._branch),
        ):
            if found := re.fullmatch(ACTIONS + pattern, path):
                return answer(asked.method, asked.body, *found.groups())
        return None

    def _ruleset(self, method, body, number):
        if self.plan == "free":
            return UPGRADE
        if method == "GET":
            if number:
                return self.rulesets[int(number)]
            return [{"id": key, "name": each["name"]} for key, each in self.rulesets.items()]
        key = int(number or len(self.rulesets) + 1)
        rules = [
            rule | {"parameters": rule["parameters"] | {"github_adds": False}} if "parameters" in rule else rule
            for rule in body["rules"]
        ]
        self.rulesets[key] = body | {"id": key, "source": "acme/model", "rules": rules}
        return 201 if method == "POST" else 200, self.rulesets[key], {}

    def _environment(self, method, body, name):
        if self.plan == "free":
            return None
        if method == "GET":
            return self.environments.get(name)
        if self.plan == "team" and body.keys() != {"deployment_branch_policy"}:
            return BILLING
        rules = []
        if body.get("wait_timer"):
            rules.append({"type": "wait_timer", "wait_timer": body["wait_timer"]})
        if body.get("reviewers"):
            asked = [self._reviewer(each) for each in body["reviewers"]]
            rule = {"type": "required_reviewers", "prevent_self_review": body["prevent_self_review"]}
            rules.append(rule | {"reviewers": asked})
        limit = body["deployment_branch_policy"]
        self.environments[name] = {"protection_rules": rules, "deployment_branch_policy": limit}
        return self.environments[name]

    def _key(self, method, body, number):
        if method == "GET":
            return list(self.keys.values())
        if method == "DELETE":
            del self.keys[int(number)]
            return 204, None, {}
        key = max(self.keys, default=0) + 1
        self.keys[key] = body | {"id": key}
        return 201, self.keys[key], {}

    def _people(self, method, body):
        return [{"login": each} for each in self.writers]

    def _secret(self, method, body, name, secret):
        if self.plan == "free":
            return None
        if secret == "public-key":
            return {"key_id": "7", "key": b64encode(bytes(self.seal.public_key)).decode()}
        if method == "PUT":
            assert body["key_id"] == "7"
            opened = SealedBox(self.seal).decrypt(b64decode(body["encrypted_value"]))
            self.secrets[name] = opened.decode()
            return 201, None, {}
        return {"name": secret} if name in self.secrets else None

    def _reviewer(self, told):
        if told == {"type": "User", "id": 11}:
            return {"type": "User", "reviewer": {"login": "Ann", "id": 11}}
        assert told == {"type": "Team", "id": 22}
        address = "https://github.com/orgs/acme/teams/ml"
        return {"type": "Team", "reviewer": {"slug": "ml", "id": 22, "html_url": address}}

    def _branch(self, method, body, name, number):
        kept = self.branches.setdefault(name, {})
        if method == "POST":
            kept[max(kept, default=0) + 1] = body["name"]
        elif method == "DELETE":
            del kept[int(number)]
            return 204, None, {}
        return {"branch_policies": [{"id": key, "name": value} for key, value in kept.items()]}
