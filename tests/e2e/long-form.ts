/** Set by `npm test -- --e2e PART` and by `npm run test:long`; the gate runs the short form of each file. */
export const isLong = process.env["E2E_LONG"] !== undefined;

/** Options of a test that takes more of the gate's time than it adds to what others prove. */
export const longOnly = { skip: isLong ? false : "in the long form: npm run test:long, or npm test -- --e2e PART" };
