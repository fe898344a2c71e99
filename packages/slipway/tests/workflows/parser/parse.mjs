// GitHub's own reading of the workflows below a folder, called ones with what they call: a line of JSON per error.
// node --import ./json.mjs parse.mjs ROOT
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { NoOperationTraceWriter, convertWorkflowTemplate, parseWorkflow } from "@actions/workflow-parser";

const root = process.argv[2];
const folder = join(".github", "workflows");
const file = async (name) => ({ name, content: await readFile(join(root, name), "utf8") });
const local = { getFileContent: ({ path }) => file(path) };
const options = { fetchReusableWorkflowDepth: 1, errorPolicy: 1 };

for (const name of (await readdir(join(root, folder))).filter((each) => /\.ya?ml$/.test(each)).sort()) {
  const { context, value } = parseWorkflow(await file(join(folder, name)), new NoOperationTraceWriter());
  if (value) await convertWorkflowTemplate(context, value, local, options);
  for (const { message } of context.errors.getErrors()) console.log(JSON.stringify({ name, message }));
}
