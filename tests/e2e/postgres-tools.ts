import assert from "node:assert/strict";

/** What a database needs for the tools to have something to say: a large table, and queries that an index would help. */
export const WORKLOAD: readonly string[] = [
  "CREATE TABLE visits AS SELECT i AS id, i % 50000 AS customer, md5(i::text) AS page FROM generate_series(1, 400000) AS i",
  "CREATE SEQUENCE visits_id OWNED BY visits.id",
  "ALTER TABLE visits ALTER id SET DEFAULT nextval('visits_id')",
  // The server asks for statistics that somebody made, not for autovacuum's.
  "ANALYZE visits",
  "SET max_parallel_workers_per_gather = 0",
  // It looks at queries that were seen fifty times and took 5 ms.
  ...Array.from({ length: 60 }, (_, customer) => `SELECT count(page) FROM visits WHERE customer = ${customer}`),
];

const INDEX = /CREATE INDEX \w+ ON visits USING btree \(customer\)/;
const QUERY = "SELECT page FROM visits WHERE customer = 7";

/** Every tool of Postgres MCP Pro: what it is asked, and what only the database can have told it. */
const CALLS: readonly (readonly [tool: string, args: Record<string, unknown>, ...expected: RegExp[]])[] = [
  ["list_schemas", {}, /'schema_name': 'public'/],
  ["list_objects", { schema_name: "public" }, /'name': 'visits', 'type': 'BASE TABLE'/],
  ["get_object_details", { schema_name: "public", object_name: "visits" }, /'column': 'customer'/],
  ["execute_sql", { sql: "SELECT count(*) FROM visits" }, /'count': 400000/],
  ["explain_query", { sql: QUERY }, /Seq Scan .* on visits/],
  [
    "explain_query",
    { sql: QUERY, hypothetical_indexes: [{ table: "visits", columns: ["customer"] }] },
    /Index Scan/,
    /Rows:/,
  ],
  ["analyze_query_indexes", { queries: [QUERY] }, INDEX, /improvement_multiple/],
  ["analyze_workload_indexes", {}, INDEX, /improvement_multiple/],
  ["get_top_queries", { sort_by: "total_time" }, /SELECT count\(page\) FROM visits WHERE customer = \$1', 'calls': 60/],
  ["get_top_queries", {}, /'query': 'SELECT count\(page\) FROM visits WHERE customer = \$1'/],
  ["analyze_db_health", {}, /All sequences have healthy usage levels/, /Constraint health: No invalid constraints/],
];

/**
 * Calls each tool, and holds its answer against what is true of the workload.
 *
 * @param listed The server's tools as a client lists them, without the server's name.
 */
export async function useEachTool(
  listed: readonly string[],
  call: (tool: string, args: Record<string, unknown>) => Promise<string>,
): Promise<void> {
  assert.deepEqual([...new Set(CALLS.map(([tool]) => tool))].sort(), [...listed].sort());
  for (const [tool, args, ...expected] of CALLS) {
    const answer = await call(tool, args);
    for (const pattern of expected) assert.match(answer, pattern, `${tool} ${JSON.stringify(args)}`);
  }
}
