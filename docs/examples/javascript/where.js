const mostTerms = 1000;
const sqlTypes = { String: "text", Number: "double precision", Boolean: "boolean" };
const orders = { LessThan: "<", LessThanOrEqual: "<=", GreaterThan: ">", GreaterThanOrEqual: ">=" };

const either = (conditions) => (conditions.length ? `(${conditions.join(" OR ")})` : "FALSE");

// where makes a condition for WHERE in PostgreSQL of what a search for resources has found. It selects exactly the rows that single
// decisions allow, with its parameters from $1 on. What has more than 1,000 terms is an error: narrow the scope of the search.
//
// columns are { organization, workspace, project, id, attributes: { name: { name, type } } }. Those of a scope are NULL where an
// object is not so deep, and an attribute is NULL where it is missing. The types are String, Number and Boolean: text with a
// deterministic collation (the default is one), double precision and boolean. Names are written into SQL as they are.
export function where({ results, context: { residual = [], scopes = [] } }, columns) {
  if (results.length + residual.length > mostTerms) {
    throw new Error(`what is allowed has ${results.length + residual.length} terms, and the most is ${mostTerms}: narrow the scope of the search`);
  }
  const parameters = [];
  const known = new Map();

  const parameter = (value, type) => {
    if (!known.has(value)) {
      parameters.push(value);
      known.set(value, `$${parameters.length}::${type}`);
    }
    return known.get(value);
  };
  const equals = (column, value) => {
    if (!value) {
      return `${column} IS NULL`;
    }
    return value.includes("\0") ? "FALSE" : `${column} = ${parameter(value, "text")}`; // no text of PostgreSQL has it
  };
  // exactly is a scope and nothing below it.
  const exactly = (scope) =>
    `(${["organization", "workspace", "project"].map((level) => equals(columns[level], scope[level])).join(" AND ")})`;
  const object = (scope, id) => `(${exactly(scope)} AND ${equals(columns.id, id)})`;

  // test is a condition on a column. What compares with NULL is not true, as an attribute that is missing meets nothing.
  const test = (column, operator, values) => {
    // JSON has neither NaN nor infinity.
    const finite = column.type === "Number" ? `${column.name} > '-Infinity' AND ${column.name} < 'Infinity' AND ` : "";
    const list = values
      .filter((value) => typeof value !== "string" || !value.includes("\0"))
      .map((value) => parameter(value, sqlTypes[column.type]))
      .join(", ");
    if (orders[operator]) {
      return `${finite}${column.name} ${orders[operator]} ${list}`;
    }
    switch (operator) {
      case "In":
      case "Equals":
        return list ? `${finite}${column.name} IN (${list})` : "FALSE";
      case "NotEquals":
        return list ? `${finite}${column.name} NOT IN (${list})` : `${column.name} IS NOT NULL`;
      default:
        return "FALSE"; // an operator that this does not know allows nothing
    }
  };
  const term = ({ scope, id, conditions }) => {
    const all = id
      ? [object(scope, id)]
      : ["organization", "workspace", "project"].filter((level) => scope[level]).map((level) => equals(columns[level], scope[level]));
    for (const { attribute, type, operator, values } of conditions) {
      const column = Object.hasOwn(columns.attributes, attribute) ? columns.attributes[attribute] : undefined;
      if (column?.type !== type) {
        return "FALSE"; // no object has such an attribute, or not of this type
      }
      all.push(test(column, operator, values));
    }
    return `(${all.join(" AND ")})`;
  };

  const all = results.map(({ id, properties }) => object(properties.scope, id));
  if (residual.length) {
    all.push(`(${either(scopes.map(exactly))} AND ${either(residual.map(term))})`);
  }
  return { where: either(all), parameters };
}
