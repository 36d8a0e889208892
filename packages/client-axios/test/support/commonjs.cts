// Type-checked only: a CommonJS program, for which axios has other types.
import clientAxios = require('@crowfly/client-axios');
import core = require('@crowfly/core');
import axios = require('axios');

const engine = core.createEngine(() => ({ update() {}, pick: () => undefined }));
const api = axios.create({ adapter: clientAxios.axiosAdapter(engine, { axios }), crowfly: { attempts: 1 } });
void api.get('http://orders/', { crowfly: { idempotent: true } });
