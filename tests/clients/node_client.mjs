// What OpenAI's package for Node gets of a running gesso, as JSON: `node node_client.mjs FOLDER URL KEY`,
// where FOLDER holds the node_modules with it.
import { createReadStream, readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [folder, url, key, picture, mask] = process.argv.slice(2);
const { OpenAI, AzureOpenAI, toFile } = createRequire(`${folder}/`)("openai");
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key });
const file = (path) => toFile(readFileSync(path), "picture.png", { type: "image/png" });
const count = (answer) => answer.data.filter((each) => each.b64_json.startsWith("iVBOR")).length;
const kinds = async (stream) => {
  const found = [];
  for await (const each of await stream) found.push(each.type);
  return found;
};
const refusal = async (asked) => {
  try {
    await asked;
  } catch (error) {
    return [error.constructor.name, error.status, error.code, error.param];
  }
};

const told = {};
told.models = (await client.models.list()).data.map((each) => each.id);
told.generation = count(await client.images.generate({ model: "sketch", prompt: "a heart", n: 2 }));
told.stream = await kinds(client.images.generate({ prompt: "a heart", stream: true, partial_images: 1 }));
told.edit = count(await client.images.edit({
  image: [await file(picture), await file(picture)], mask: await file(mask), prompt: "make it green", n: 2,
}));
told.read = count(await client.images.edit({ image: createReadStream(picture), prompt: "make it green" }));
told.variation = (await client.images.createVariation({ image: await file(picture), response_format: "url" })).data[0].url;
told.unknown = await refusal(client.images.generate({ model: "nobodys", prompt: "a heart" }));
told.refused = await refusal(client.images.generate({ prompt: "a heart", n: 11 }));
told.stranger = await refusal(new OpenAI({ baseURL: `${url}/v1`, apiKey: "x" }).images.generate({ prompt: "x" }));
const azure = new AzureOpenAI({ endpoint: url, apiKey: key, apiVersion: "2025-04-01-preview", deployment: "sketch" });
told.azure = count(await azure.images.generate({ prompt: "a heart" }));
const hasty = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, timeout: 700, maxRetries: 8 });
told.retried = count(await hasty.images.generate({ model: "slow", prompt: "a heart that takes its time" }));
console.log(JSON.stringify(told));
