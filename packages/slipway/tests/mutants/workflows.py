"""Workflows loosened as a hurried change, or a bad one, would loosen them; each has a policy that catches it.

python packages/slipway/tests/mutants/workflows.py [ROOT]
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("support", "workflows")]

from places import ROOT
from policies import POLICIES
from policies.reading import Workflow, parse, read

Edit = Callable[[str], str]


class Mutant(NamedTuple):
    """`edit` changes the text of the workflow `file`; `policy` must say so. The name says what is wrong."""

    name: str
    file: str
    policy: str
    edit: Edit


def put(pattern: str, new: str) -> Edit:
    """Replace the first match; ^ and $ are ends of a line."""
    return lambda text: re.sub(pattern, new, text, count=1, flags=re.MULTILINE)


def job(name: str, pattern: str, new: str) -> Edit:
    """The same inside one job, up to the next one."""

    def edit(text: str) -> str:
        before, head, rest = text.partition(f"\n  {name}:\n")
        body, end = re.match(r"((?:(?:    .*|  #.*|)(?:\n|\Z))*)", rest)[1], ""
        end = rest[len(body) :]
        return before + head + put(pattern, new)(body) + end

    return edit


def after(pattern: str, line: str) -> Edit:
    """Put a line behind the first match."""
    return put(f"({pattern}.*)$", rf"\1\n{line}")


# A step's own `run:`, in whichever way it is written.
_RUN = r"^( +)run: (?!\|)(?:>-\n +)?(.+)$"
MUTANTS = [
    Mutant("every right on top", "ci.yml", "no_rights_on_top", put(r"^permissions: \{\}$", "permissions: write-all")),
    Mutant("no permissions on top", "cd.yml", "no_rights_on_top", put(r"^permissions: \{\}\n", "")),
    Mutant(
        "a right that ci has no use for", "ci.yml", "rights_within_the_list", put("contents: read", "contents: write")
    ),
    Mutant(
        "the report may write code", "report.yml", "rights_within_the_list", put("contents: read", "contents: write")
    ),
    Mutant("a right without a reason", "deploy.yml", "rights_with_a_reason", put(r"(contents: write) #.*$", r"\1")),
    Mutant(
        "the gate of ci may get an identity",
        "ci.yml",
        "identity_where_needed",
        job("gate", r"^( +)(contents: read.*)$", r"\1\2\n\1id-token: write # for later"),
    ),
    Mutant(
        "an identity that nothing uses",
        "cd.yml",
        "identity_used",
        job("model", "aws-actions/configure-aws-credentials@", "actions/checkout@"),
    ),
    Mutant(
        "a fork asks for the right to read the bucket",
        "ci.yml",
        "no_exchange_for_forks",
        put(r" &&\n +\(github\.event_name != 'pull_request' \|\| .*\)$", ""),
    ),
    Mutant(
        "a condition with a way around it",
        "ci.yml",
        "no_exchange_for_forks",
        put(r"^( +\(github\.event_name != 'pull_request' \|\| .*\))$", r"\1 || vars.ALL"),
    ),
    Mutant(
        "an identity requested without the variables",
        "cd.yml",
        "no_exchange_for_forks",
        put(r"^ +if: .*\n( +uses: aws-actions/)", r"\1"),
    ),
    Mutant(
        "a secret in a pull request",
        "ci.yml",
        "no_secrets_in_pull_requests",
        put(r"\$\{\{ toJSON\(needs\) \}\}", "${{ toJSON(needs) }}${{ secrets.DEPLOY_KEY }}"),
    ),
    Mutant(
        "a token left on disk",
        "ci.yml",
        "credentials_not_persisted",
        put("persist-credentials: false", "fetch-depth: 0"),
    ),
    Mutant(
        "a token left on disk for no ledger",
        "cd.yml",
        "credentials_not_persisted",
        put("persist-credentials: false", "persist-credentials: true"),
    ),
    Mutant("a job without an end", "ci.yml", "time_limits", put(r"^ +timeout-minutes: .*\n", "")),
    Mutant(
        "six hours for a deployment", "deploy.yml", "time_limits", put(r"timeout-minutes: \d+", "timeout-minutes: 360")
    ),
    Mutant(
        "a branch name spliced into a script",
        "ci.yml",
        "no_expression_in_a_script",
        put(_RUN, r"\1run: \2 --branch ${{ github.head_ref }}"),
    ),
    Mutant("two commands in one step", "cd.yml", "one_command_each", put(_RUN, r"\1run: \2 && make image")),
    Mutant(
        "a gate whose failure is ignored", "ci.yml", "nothing_forgiven", put(r"^( +run: .*\bgate\b.*)$", r"\1 || true")
    ),
    Mutant(
        "a step that may fail",
        "cd.yml",
        "nothing_forgiven",
        put(_RUN, r"\1continue-on-error: true\n\1run: \2"),
    ),
    Mutant(
        "a job that may fail",
        "ci.yml",
        "nothing_forgiven",
        put(r"^( +)(timeout-minutes: .*)$", r"\1\2\n\1continue-on-error: true"),
    ),
    Mutant("a pin loosened", "cd.yml", "pinned", put(r"actions/checkout@[0-9a-f]{40}", "actions/checkout@v7")),
    Mutant(
        "another commit under the same version",
        "deploy.yml",
        "pinned",
        put(r"(actions/checkout@)[0-9a-f]{40}", r"\g<1>" + "0" * 40),
    ),
    Mutant("a run that can be started once", "cd.yml", "artifacts_replaced", put(r"^ +overwrite: true\n", "")),
    Mutant("an unverified uv", "setup/action.yml", "uv_of_the_makefile", put("--require-hashes ", "")),
    Mutant("a runner of its own", "ci.yml", "runner_in_one_place", put(r"^( +runs-on: ).*$", r"\1ubuntu-latest")),
    Mutant(
        "the whole pipeline in a deployment",
        "deploy.yml",
        "packages_of_the_job",
        put("packages: deliver", "packages: pipeline"),
    ),
    Mutant(
        "a package that no set-up names",
        "cd.yml",
        "packages_of_the_job",
        put(_RUN, r"\1run: uv sync --locked --group dev"),
    ),
    Mutant("an input forgotten", "cd.yml", "inputs_passed", put(r"^ +environment: staging\n", "")),
    Mutant(
        "a cache in the set-up",
        "setup/action.yml",
        "no_caches",
        put(r"^(    - name: Install uv)$", r"    - uses: actions/cache@" + "0" * 40 + r" # v6.1.0\n\1"),
    ),
    Mutant(
        "an image from the shared cache",
        "cd.yml",
        "no_caches",
        put(_RUN, r"\1run: \2 --cache-from type=gha"),
    ),
    Mutant(
        "a path filter before the verdict",
        "ci.yml",
        "triggers",
        put(r"^  pull_request:.*$", "  pull_request:\n    paths: [src/**]"),
    ),
    Mutant("every branch is released", "cd.yml", "triggers", put(r"branches: \[main\]", 'branches: ["**"]')),
    Mutant("no merge queue", "ci.yml", "triggers", put(r"^  merge_group:.*\n", "")),
    Mutant(
        "a deployment by hand, past everything",
        "deploy.yml",
        "triggers",
        put(r"^  workflow_call:", "  workflow_dispatch:\n  workflow_call:"),
    ),
    Mutant(
        "a fork's code with rights",
        "ci.yml",
        "no_pull_request_target",
        put(r"^  pull_request:", "  pull_request_target:"),
    ),
    Mutant(
        "the report runs the pull request",
        "report.yml",
        "workflow_run_checks_out_its_own",
        put(r"^( +)persist-credentials: false$", r"\1persist-credentials: false\n\1repository: someone/fork"),
    ),
    Mutant(
        "a run on main is cancelled",
        "ci.yml",
        "ci_cancels_pull_requests_only",
        put(r"cancel-in-progress: .*$", "cancel-in-progress: true"),
    ),
    Mutant(
        "a deployment cancelled halfway",
        "deploy.yml",
        "deployments_queue",
        put("cancel-in-progress: false", "cancel-in-progress: true"),
    ),
    Mutant("no queue for deployments", "deploy.yml", "deployments_queue", put(r"^ +queue: max\n", "")),
    Mutant(
        "one queue for every environment",
        "deploy.yml",
        "deployments_queue",
        put(r"^( +group: .*)\$\{\{ inputs\.environment \}\}", r"\1all"),
    ),
    Mutant(
        "an approval that blocks rollbacks",
        "cd.yml",
        "deployments_queue",
        put(r"^jobs:", "concurrency:\n  group: deploy-production\njobs:"),
    ),
    Mutant(
        "the environment dropped",
        "deploy.yml",
        "environments_in_deploy_only",
        job("deploy", r"^    environment: .*\n.*\n.*\n", ""),
    ),
    Mutant(
        "an environment's secrets elsewhere",
        "cd.yml",
        "environments_in_deploy_only",
        job("model", r"^    timeout-minutes: (.*)$", r"    timeout-minutes: \1\n    environment: production"),
    ),
    Mutant(
        "an environment that takes every branch",
        "deploy.yml",
        "environments_have_files",
        job("deploy", r"^(    environment: .*\n +.*)(\$\{\{)$", r"\1-server\2"),
    ),
    Mutant(
        "an environment without a file",
        "rollback.yml",
        "environments_have_files",
        put(r"options: \[production, staging\]", "options: [production, staging, canary]"),
    ),
    Mutant(
        "cd deploys by itself",
        "cd.yml",
        "deployed_by_deploy_only",
        put(_RUN, r"\1run: uv run slipway promote staging production"),
    ),
    Mutant(
        "production whatever happened",
        "cd.yml",
        "deployed_after_success_only",
        job("production", r"^    if: .*$", "    if: always()"),
    ),
    Mutant(
        "production beside staging",
        "cd.yml",
        "deployed_after_the_gate",
        job("production", r"^    needs: .*$", "    needs: image"),
    ),
    Mutant(
        "a release that no gate judged",
        "cd.yml",
        "deployed_after_the_gate",
        put(r"slipway choose\b.*$", "slipway verify"),
    ),
    Mutant(
        "a rollback that waits for the cancelling",
        "rollback.yml",
        "rollback_waits_for_nothing",
        job("rollback", r"^    if: .*$", r"\g<0>\n    needs: waiting"),
    ),
    Mutant(
        "what cancels runs may write code",
        "rollback.yml",
        "rights_with_a_reason",
        job("waiting", r"^      contents: read #.*$", "      contents: write"),
    ),
    Mutant(
        "the clean-up may write code",
        "cleanup.yml",
        "rights_within_the_list",
        put(r"contents: read", "contents: write"),
    ),
    Mutant(
        "images deleted at every push",
        "cleanup.yml",
        "triggers",
        put(r"^  workflow_dispatch:$", "  push:\n  workflow_dispatch:"),
    ),
    Mutant(
        "an attestation of an image that was found",
        "cd.yml",
        "attested_if_built",
        put(r"steps\.image\.outputs\.built == 'true' && steps", "steps"),
    ),
    Mutant(
        "an image that counts as finished before it is attested",
        "cd.yml",
        "kept_after_the_attestations",
        put(r"^( +)(- name: List what is in it)$", r"\1- with: {name: release}\n\1\2"),
    ),
    Mutant(
        "the project's token for any registry",
        "cd.yml",
        "one_login",
        put(r"!vars\.SLIPWAY_REGISTRY && github\.token", "github.token"),
    ),
    Mutant("an image pulled from elsewhere", "deploy.yml", "one_login", put(r"^( +registry: ).*$", r"\1docker.io")),
    Mutant(
        "a rollback that cannot pull",
        "rollback.yml",
        "secrets_handed_on",
        put(r"^    secrets:\n(      .*\n)+", ""),
    ),
    Mutant(
        "every secret for a deployment",
        "promote.yml",
        "inputs_passed",
        put(r"^    secrets:\n(      .*\n)+", "    secrets: inherit\n"),
    ),
    Mutant(
        "a server that is deployed under a rehearsal's name",
        "deploy.yml",
        "rehearsal_unless_named",
        put(r"^(      SLIPWAY_TARGET): >-\n.*$", r'\1: ""'),
    ),
    Mutant(
        "a server whose name is part of another's",
        "deploy.yml",
        "rehearsal_unless_named",
        put(r"contains\(.*\) && '-re", "contains(vars.SLIPWAY_SERVERS, inputs.environment) && '-re"),
    ),
    Mutant(
        "the key to the server for the whole job",
        "deploy.yml",
        "server_secrets_at_its_door",
        put(r"^      ENVIRONMENT: .*$", r"\g<0>\n      KEY: ${{ secrets['SLIPWAY_SSH_KEY'] }}"),
    ),
    Mutant(
        "the key to the server for every step",
        "deploy.yml",
        "server_secrets_at_its_door",
        put(
            r"^( +)run: (uv run --no-sync slipway deploy .*)$",
            r"\1env:\n\1  KEY: ${{ secrets.SLIPWAY_SSH_KEY }}\n\1run: \2",
        ),
    ),
    Mutant(
        "unaudited workflows",
        "ci.yml",
        "workflows_judged",
        put("run: make audit-workflows", "run: make help"),
    ),
    Mutant(
        "workflows that are audited on main only",
        "ci.yml",
        "workflows_judged",
        put(r"^( +)run: make audit-workflows$", r"\1if: github.event_name == 'push'\n\1run: make audit-workflows"),
    ),
    Mutant(
        "pins that are not compared with their versions",
        "ci.yml",
        "workflows_judged",
        job("checks", r"^ +GH_TOKEN: .*\n", ""),
    ),
    Mutant(
        "production's model started by what may show who it is",
        "cd.yml",
        "bundles_run_without_rights",
        job("model", r"^( +)run: uv run --no-sync dvc repro$", r"\g<0>\n\1run: uv run --no-sync slipway gate"),
    ),
    Mutant(
        "a gate that may push images",
        "cd.yml",
        "bundles_run_without_rights",
        job("gate", r"^( +)contents: read.*$", r"\g<0>\n\1packages: write # later"),
    ),
    Mutant(
        "a gate that sees a secret",
        "ci.yml",
        "bundles_run_without_rights",
        job("gate", r"^( +)run: (.*slipway gate.*)$", r"\1env: {KEY: '${{ secrets.KEY }}'}\n\1run: \2"),
    ),
    Mutant(
        "a rollback by the code of any branch",
        "rollback.yml",
        "other_branches_are_refused",
        job("rollback", r"^    if: .*\n", ""),
    ),
    Mutant(
        "a rollback that ends green on another branch",
        "rollback.yml",
        "other_branches_are_refused",
        job("refuse", "run: exit 1", "run: exit 0"),
    ),
    Mutant(
        "another branch cancels what waits",
        "rollback.yml",
        "other_branches_are_refused",
        job("waiting", r" && github\.ref == 'refs/heads/main'", ""),
    ),
    Mutant(
        "an entry written with the code of any branch",
        "ledger.yml",
        "other_branches_are_refused",
        job("entry", r" && github\.ref == 'refs/heads/main'", ""),
    ),
    Mutant(
        "rows evaluated for any branch",
        "ledger.yml",
        "other_branches_are_refused",
        job("rows", r"github\.ref == 'refs/heads/main' && ", ""),
    ),
    Mutant(
        "an entry without an approval",
        "ledger.yml",
        "approved_before_an_entry",
        job("entry", r"needs: \[record, approve\]", "needs: record"),
    ),
    Mutant(
        "an entry after a refused approval",
        "ledger.yml",
        "approved_before_an_entry",
        job("entry", r"!failure\(\) && ", ""),
    ),
    Mutant(
        "an approval of some entries only",
        "ledger.yml",
        "approved_before_an_entry",
        job("approve", r"inputs\.environment == 'production'", "inputs.action == 'rebase'"),
    ),
    Mutant(
        "an entry beside a deployment that runs",
        "ledger.yml",
        "deployments_queue",
        job("entry", r"group: deploy-.*$", "group: ledger-${{ inputs.environment }}"),
    ),
    Mutant(
        "production's model evaluated where the ledger's key is",
        "ledger.yml",
        "bundles_run_without_rights",
        job("entry", r"^( +)(- name: Write the entry)$", r"\1- run: uv run --no-sync slipway ci record --out x\n\1\2"),
    ),
    Mutant(
        "production's model evaluated by what may show who it is",
        "ledger.yml",
        "bundles_run_without_rights",
        job("record", r"^( +)contents: read.*$", r"\g<0>\n\1id-token: write # later"),
    ),
    Mutant(
        "the ledger's key for every step of an entry",
        "ledger.yml",
        "ledger_key_where_the_ledger_is_written",
        job("entry", r"^    steps:$", r"    env: {KEY: '${{ secrets.SLIPWAY_LEDGER_KEY }}'}\n\g<0>"),
    ),
    Mutant(
        "an entry written with the packages of the pipeline",
        "ledger.yml",
        "packages_of_the_job",
        job("entry", "packages: deliver", "packages: pipeline"),
    ),
    Mutant(
        "an entry outside the environment",
        "ledger.yml",
        "environments_in_deploy_only",
        job("entry", r"^    environment:\n( {6}.*\n)+", ""),
    ),
    Mutant(
        "a record whose absence is green",
        "ledger.yml",
        "verdicts_demanded",
        job("record", "if-no-files-found: error", "if-no-files-found: warn"),
    ),
    Mutant(
        "an entry at every push",
        "ledger.yml",
        "triggers",
        put(r"^  workflow_dispatch:$", "  push: {branches: [main]}\n  workflow_dispatch:"),
    ),
    Mutant(
        "a refusal that checks the branch out",
        "cd.yml",
        "other_branches_are_refused",
        job("refuse", r"^    steps:$", r"\g<0>\n      - run: make help"),
    ),
    Mutant(
        "a variable that says who approves",
        "cd.yml",
        "approval_in_a_file",
        job("production", r"needs\.gate\.outputs\.approval == 'environment'", "vars.SLIPWAY_APPROVAL != 'none'"),
    ),
    Mutant(
        "a request that replaces the reviewers",
        "promote.yml",
        "approval_in_a_file",
        put("approval: true", "approval: false"),
    ),
    Mutant(
        "a request that no rule switches on",
        "promote.yml",
        "approval_in_a_file",
        put(r"^    if: needs\.settings.*\n", ""),
    ),
    Mutant(
        "an image without signature or attestation",
        "deploy.yml",
        "images_verified_before_a_start",
        put(r"^ +SLIPWAY_ATTESTED: .*\n", ""),
    ),
    Mutant(
        "a promotion without a look at the attestation",
        "deploy.yml",
        "images_verified_before_a_start",
        put(r"^        env: \*delivering\n", ""),
    ),
    Mutant(
        "attestations by a variable",
        "deploy.yml",
        "images_verified_before_a_start",
        put(r"\$\{\{ steps\.settings\.outputs\.attested \}\}", "${{ vars.ATTESTED }}"),
    ),
    Mutant(
        "the ledger's key for every step",
        "deploy.yml",
        "ledger_key_where_the_ledger_is_written",
        put(r"^      ENVIRONMENT: .*$", r"\g<0>\n      KEY: ${{ secrets.SLIPWAY_LEDGER_KEY }}"),
    ),
    Mutant(
        "the ledger's key in the set-up",
        "deploy.yml",
        "ledger_key_where_the_ledger_is_written",
        put(r"^( +)- uses: \./\.github/actions/setup$", r"\g<0>\n\1  env: {KEY: '${{ secrets.SLIPWAY_LEDGER_KEY }}'}"),
    ),
    Mutant(
        "the ledger's key beside the image",
        "cd.yml",
        "ledger_key_where_the_ledger_is_written",
        put(r"^( +)COSIGN_KEY: .*$", r"\g<0>\n\1KEY: ${{ secrets.SLIPWAY_LEDGER_KEY }}"),
    ),
    Mutant(
        "a gate without its verdict is green",
        "ci.yml",
        "verdicts_demanded",
        job("gate", r"^ +if-no-files-found: error\n", ""),
    ),
    Mutant(
        "a release without its files is kept",
        "cd.yml",
        "verdicts_demanded",
        job("gate", r"if-no-files-found: error", "if-no-files-found: ignore"),
    ),
    Mutant(
        "a schedule in an unsaid time zone", "monitor.yml", "schedules_name_their_zone", put(r"^ +timezone: .*\n", "")
    ),
    Mutant(
        "a log that stays for months",
        "monitor.yml",
        "logs_kept_for_a_day",
        put("retention-days: 1", "retention-days: 90"),
    ),
    Mutant(
        "every look at the log listed as a deployment",
        "monitor.yml",
        "environments_in_deploy_only",
        put(r"^ +deployment: false\n", ""),
    ),
    Mutant(
        "the log of a rehearsal asked from a server",
        "monitor.yml",
        "rehearsal_unless_named",
        job("log", r"^(      SLIPWAY_TARGET): >-\n.*\n.*$", r'\1: ""'),
    ),
    Mutant(
        "a monitor with the keys of the environment",
        "monitor.yml",
        "bundles_run_without_rights",
        job("monitor", r"^    timeout-minutes: .*$", r"\g<0>\n    environment: production"),
    ),
    Mutant(
        "a key to the server beside the code of the problem",
        "monitor.yml",
        "bundles_run_without_rights",
        job("log", r"slipway ci log", "slipway monitor run"),
    ),
    Mutant(
        "alarms that may write code",
        "monitor.yml",
        "rights_within_the_list",
        job("alarms", "contents: read", "contents: write"),
    ),
    Mutant(
        "publish the page without the variable",
        "monitor.yml",
        "pages_published_where_asked",
        job("page", r"^    if: .*\n", ""),
    ),
    Mutant(
        "publish the documentation over the monitor's page",
        "docs.yml",
        "pages_published_where_asked",
        job("publish", "vars.SLIPWAY_PAGES == 'docs'", "vars.SLIPWAY_PAGES"),
    ),
    Mutant(
        "a page with the rights of production",
        "monitor.yml",
        "environments_in_deploy_only",
        job("page", "name: github-pages", "name: production"),
    ),
    Mutant(
        "alarms that speak for the repository",
        "monitor.yml",
        "identity_where_needed",
        job("alarms", "issues: write", "id-token: write # all\n      issues: write"),
    ),
    Mutant(
        "a retrain that may push what it made",
        "retrain.yml",
        "bundles_run_without_rights",
        job("retrain", r"^( +)contents: read.*$", r"\1contents: write # push"),
    ),
    Mutant(
        "a retrain beside the key of the app",
        "retrain.yml",
        "bundles_run_without_rights",
        job("propose", "slipway ci propose", "slipway ci retrain production"),
    ),
    Mutant(
        "the whole pipeline beside the key of the app",
        "retrain.yml",
        "packages_of_the_job",
        job("propose", "packages: deliver", "packages: pipeline"),
    ),
    Mutant(
        "a retrain that any push starts",
        "retrain.yml",
        "triggers",
        put(r"^  workflow_dispatch:$", "  push:\n  workflow_dispatch:"),
    ),
    Mutant(
        "credentials that nothing is pushed with",
        "retrain.yml",
        "credentials_not_persisted",
        job("retrain", "persist-credentials: false", "persist-credentials: true"),
    ),
    Mutant(
        "an app's key that every branch may read",
        "retrain.yml",
        "environments_have_files",
        job("propose", r"^( +)name: retrain$", r"\1name: proposals"),
    ),
    Mutant("a verdict that is skipped", "ci.yml", "one_verdict", job("verdict", r"^    if: .*\n", "")),
    Mutant(
        "a verdict that waits for only some jobs",
        "ci.yml",
        "one_verdict",
        job("verdict", r"^(    needs: \[)\w+, ", r"\1"),
    ),
    Mutant(
        "a verdict that reads no result",
        "ci.yml",
        "one_verdict",
        job("verdict", r"\$\{\{ toJSON\(needs\) \}\}", "green"),
    ),
]


def mutated(root: Path, mutant: Mutant) -> list[Workflow]:
    """The workflows of `root`, one of them harmed."""
    found = read(root)
    good = next((each for each in found if each.name == mutant.file), None)
    assert good, f"{root} has no {mutant.file} to be harmed"
    text = mutant.edit(good.text)
    assert text != good.text, f"{mutant.name} does not apply to {mutant.file}"
    bad = parse(root, good.name, text)
    return [bad if each.name == mutant.file else each for each in found]


def hunt(root: Path, mutant: Mutant) -> list[str]:
    """What the mutant's own policy says of it."""
    return POLICIES[mutant.policy](mutated(root, mutant))


def main() -> None:
    """Exit with 1 if a mutant survives, or if its policy complains about the workflows as they are."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT)
    survivors = 0
    sys.stdout.write("| mutant | workflow | caught by |\n|---|---|---|\n")
    for mutant in MUTANTS:
        caught = hunt(root, mutant) and not POLICIES[mutant.policy](read(root))
        survivors += not caught
        sys.stdout.write(f"| {mutant.name} | {mutant.file} | {mutant.policy if caught else 'nothing'} |\n")
    sys.stdout.write(f"\n{len(MUTANTS) - survivors} of {len(MUTANTS)} mutants were caught.\n")
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
