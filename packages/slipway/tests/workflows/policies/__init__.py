"""What no local runner holds a workflow to, as functions: parsed workflows in, a sentence for each violation out."""

from policies import environments, flow, image, jobs, rights, servers, trust

_MODULES = (rights, jobs, flow, environments, image, servers, trust)
POLICIES = {policy.__name__: policy for module in _MODULES for policy in module.POLICIES}
