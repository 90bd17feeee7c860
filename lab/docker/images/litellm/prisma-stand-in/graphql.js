"use strict";
// prisma-client-py 0.11 speaks GraphQL text, the WASM engine Prisma's later JSON protocol: both directions of the translation.
const { parse, Kind } = require("graphql");

const ACTIONS = ["findUnique", "findFirst", "findMany", "createOne", "createMany", "updateOne", "updateMany", "deleteOne", "deleteMany", "upsertOne", "aggregate", "groupBy"];

/** "findUniqueLiteLLM_TeamTableOrThrow" → action and model. */
function actionOf(field) {
  if (field === "queryRaw" || field === "executeRaw") return { action: field };
  const action = ACTIONS.find((name) => field.startsWith(name));
  if (!action) throw new Error(`unsupported operation ${field}`);
  const model = field.slice(action.length);
  const orThrow = /^find(Unique|First)$/.test(action) && model.endsWith("OrThrow");
  return orThrow ? { modelName: model.slice(0, -"OrThrow".length), action: `${action}OrThrow` } : { modelName: model, action };
}

function literal(node) {
  switch (node.kind) {
    case Kind.NULL:
      return null;
    case Kind.BOOLEAN:
    case Kind.STRING:
    case Kind.ENUM:
      return node.value;
    case Kind.INT: {
      const number = Number(node.value);
      return Number.isSafeInteger(number) ? number : { $type: "BigInt", value: node.value };
    }
    case Kind.FLOAT:
      return Number(node.value);
    case Kind.LIST:
      return node.values.map(literal);
    case Kind.OBJECT:
      return Object.fromEntries(node.fields.map((field) => [field.name.value, literal(field.value)]));
    default:
      throw new Error(`unsupported literal ${node.kind}`);
  }
}

/** model → field → type, read from schema.prisma. */
function readModels(schema) {
  const models = {};
  for (const [, name, body] of schema.matchAll(/^model\s+(\w+)\s*\{([\s\S]*?)^\}/gm)) {
    const fields = body.split("\n").filter((line) => !line.trim().startsWith("//")).map((line) => /^\s*(\w+)\s+(\w+)/.exec(line));
    models[name] = Object.fromEntries(fields.filter(Boolean).map(([, field, type]) => [field, type]));
  }
  return models;
}

const isPlainObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value) && !("$type" in value);

/** In the JSON protocol a bare string in a Json field is a JSON *string*, GraphQL clients send JSON *text*: unmarked, it would be encoded twice. */
function markJson(value) {
  if (typeof value === "string") return { $type: "Json", value };
  if (Array.isArray(value)) return value.map(markJson);
  if (isPlainObject(value)) return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, key === "path" ? part : markJson(part)]));
  return value;
}

class Translator {
  constructor(schema) {
    this.models = readModels(schema);
  }

  #arguments(nodes, model) {
    return Object.fromEntries((nodes ?? []).map((node) => [node.name.value, this.#mark(literal(node.value), model)]));
  }

  #mark(value, model) {
    if (Array.isArray(value)) return value.map((item) => this.#mark(item, model));
    if (!isPlainObject(value) || !this.models[model]) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, part]) => {
        const type = this.models[model][key];
        if (type === "Json") return [key, markJson(part)];
        if (this.models[type]) return [key, this.#mark(part, type)];
        // A scalar stays as it is; anything else is an operator (create, set, AND, …) on the same model.
        return [key, type ? part : this.#mark(part, model)];
      }),
    );
  }

  #selection(set, model) {
    const fields = (set?.selections ?? []).map((field) => {
      const type = this.models[model]?.[field.name.value];
      const below = this.models[type] ? type : model;
      const nested = field.selectionSet || field.arguments?.length;
      return [field.name.value, nested ? { arguments: this.#arguments(field.arguments, below), selection: this.#selection(field.selectionSet, below) } : true];
    });
    return Object.fromEntries(fields);
  }

  /** One GraphQL document → the engine's query, and the key its answer goes under. */
  query(text) {
    const roots = parse(text, { noLocation: true }).definitions[0].selectionSet.selections;
    if (roots.length !== 1) throw new Error("exactly one root field expected");
    const [field] = roots;
    const action = actionOf(field.name.value);
    return {
      key: (field.alias ?? field.name).value,
      action: action.action,
      query: { ...action, query: { arguments: this.#arguments(field.arguments, action.modelName), selection: this.#selection(field.selectionSet, action.modelName) } },
    };
  }
}

/** Typed values of the JSON protocol as the texts that GraphQL answered. */
function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  if ("$type" in value && "value" in value) return value.value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
}

function rawCell(type, given) {
  if (given === null || given === undefined) return { prisma__type: "null", prisma__value: null };
  const value = typeof given === "object" && "$type" in given ? given.value : given;
  if (type.endsWith("-array")) return { prisma__type: "array", prisma__value: value.map((item) => rawCell(type.slice(0, -"-array".length), item)) };
  return { prisma__type: type, prisma__value: type === "json" && typeof value === "string" ? JSON.parse(value) : value };
}

/** Rows of a raw query: {columns, types, rows} (engine 5.19 and later) → what prisma-client-py before 0.14 reads. */
function rawRows(result) {
  if (!Array.isArray(result?.columns)) return plain(result);
  return result.rows.map((row) => Object.fromEntries(result.columns.map((column, at) => [column, rawCell(result.types[at], row[at])])));
}

/** The engine's answer to one translated query, in GraphQL's form. */
function answer({ key, action }, result) {
  if (result.errors) return { errors: result.errors };
  const [data] = Object.values(result.data);
  return { data: { [key]: action === "queryRaw" ? rawRows(data) : plain(data) } };
}

module.exports = { Translator, answer };
