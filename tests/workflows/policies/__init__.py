"""What no local runner holds a workflow to, as functions: parsed workflows in, a sentence for each violation out."""

from policies import flow, image, jobs, rights

POLICIES = {policy.__name__: policy for module in (rights, jobs, flow, image) for policy in module.POLICIES}
