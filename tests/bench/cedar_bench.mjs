// Decides with Cedar what tests/bench/cedar_comparison.cpp has decided, under the same rules: as a
// second opinion, and for how long it takes. The policy set is parsed once, before.
//
//   node cedar_bench.mjs DIRECTORY    prints one JSON object; exits 1 where a decision differs

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const directory = process.argv[2];
const cedar = createRequire(`${process.cwd()}/`)("@cedar-policy/cedar-wasm/nodejs");

const parsed = cedar.preparsePolicySet("rules", {
  staticPolicies: readFileSync(`${directory}/policy.cedar`, "utf8"),
});
if (parsed.type !== "success") {
  console.error(JSON.stringify(parsed));
  process.exit(1);
}

const cases = JSON.parse(readFileSync(`${directory}/cases.json`, "utf8"));
const nanoseconds = [];
let different = 0;
for (const { allowed, ...request } of cases) {
  const call = { ...request, preparsedPolicySetId: "rules", entities: [] };
  const begin = process.hrtime.bigint();
  const answer = cedar.statefulIsAuthorized(call);
  nanoseconds.push(Number(process.hrtime.bigint() - begin));
  const permitted = answer.type === "success" && answer.response.decision === "allow";
  const errors = answer.response?.diagnostics.errors ?? [answer];
  if (permitted !== allowed || errors.length > 0) {
    different += 1;
    if (different <= 3) console.error(JSON.stringify({ request, allowed, answer }));
  }
}
nanoseconds.sort((a, b) => a - b);
console.log(JSON.stringify({
  cedar: cedar.getCedarVersion(),
  p50_ns: nanoseconds[Math.floor(cases.length / 2)],
  p99_ns: nanoseconds[Math.floor((cases.length * 99) / 100)],
}));
process.exit(different === 0 ? 0 : 1);
