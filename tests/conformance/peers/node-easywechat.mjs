// Drives node-easywechat, whose client takes any path: what is named here is the path, and the token, the encoding and
// the reading are the client's.

import { createReadStream } from 'node:fs';

import { STAGE, act, call, load, receive } from './shared/driver.mjs';

const { FormData, ServerRequest, Work } = load('node-easywechat');

const make = () => new Work({
  corp_id: STAGE.corp_id,
  secret: STAGE.secret,
  token: STAGE.token,
  aes_key: STAGE.aes_key,
  agent_id: STAGE.agent_id,
  http: { baseURL: `${STAGE.base_url}/` },
});
const app = make();
const client = app.getClient();
const [first, second, third] = STAGE.customers;
const { now, day } = STAGE;

const get = (path, params = {}) => call('client.get', path, async () => (await client.get(`/cgi-bin/${path}`, { params })).toObject());
const post = (path, body) => call('client.postJson', path, async () => (await client.postJson(`/cgi-bin/${path}`, body)).toObject());
const contact = (path, body) => post(`externalcontact/${path}`, body);

await call('getAccessToken.getToken', 'gettoken', async () => ({ access_token: await app.getAccessToken().getToken() }));
await call('getTicket.getTicket', 'get_jsapi_ticket', async () => ({ ticket: await app.getTicket().getTicket() }));
await call('getTicket.getAgentTicket', 'ticket/get', async () => ({ ticket: await app.getTicket().getAgentTicket(STAGE.agent_id) }));

await get('user/get', { userid: 'anna' });
await get('user/list', { department_id: 1 });
await get('department/list');
await get('externalcontact/get_follow_user_list');
await get('externalcontact/list', { userid: 'anna' });
await get('externalcontact/get', { external_userid: first });
await contact('batch/get_by_user', { userid_list: ['anna', 'ben'], limit: 2 });
await contact('remark', { userid: 'anna', external_userid: second, remark: '节点' });

const tags = await contact('add_corp_tag', { group_name: '渠道', tag: [{ name: '线上' }] });
const tag = tags.tag_group.tag[0].id;
await contact('get_corp_tag_list', { tag_id: [tag] });
await contact('edit_corp_tag', { id: tag, name: '线下' });
await contact('mark_tag', { userid: 'anna', external_userid: second, add_tag: [tag] });
await contact('del_corp_tag', { tag_id: [tag] });

await contact('groupchat/list', { limit: 10 });
await contact('groupchat/get', { chat_id: STAGE.groups[0], need_name: 1 });
const { config_id } = await contact('add_contact_way', { type: 1, scene: 2, user: ['anna'], state: 'node' });
await contact('get_contact_way', { config_id });
await contact('list_contact_way', { limit: 100 });
await contact('update_contact_way', { config_id, remark: '节点' });

const { msgid } = await contact('add_msg_template', {
  chat_type: 'single',
  external_userid: [second],
  sender: 'anna',
  text: { content: '节点问候' },
});
await contact('remind_groupmsg_send', { msgid });
await act('staff_confirms', { msgid, userid: 'anna' });
await contact('get_groupmsg_list_v2', { chat_type: 'single', start_time: now - 3600, end_time: now + 3600 });
await contact('get_groupmsg_task', { msgid });
await contact('get_groupmsg_send_result', { msgid, userid: 'anna' });
const taken = await contact('add_msg_template', { chat_type: 'single', external_userid: [second], sender: 'anna', text: { content: '收回' } });
await contact('cancel_groupmsg_send', { msgid: taken.msgid });
await contact('groupchat/statistic', { day_begin_time: day, owner_filter: { userid_list: ['anna'] } });
await contact('transfer_customer', { handover_userid: 'anna', takeover_userid: 'chen', external_userid: [third] });
await contact('transfer_result', { handover_userid: 'anna', takeover_userid: 'chen' });
await contact('groupchat/onjob_transfer', { chat_id_list: STAGE.groups.slice(1, 2), new_owner: 'ben' });
await contact('groupchat/transfer', { chat_id_list: [STAGE.left_group], new_owner: 'ben' });
await post('message/send', { touser: 'anna', msgtype: 'text', agentid: STAGE.agent_id, text: { content: '下午开会' } });
await call('client.post', 'media/upload', async () => {
  const form = new FormData();
  form.append('media', createReadStream(STAGE.picture));
  return (await client.post('/cgi-bin/media/upload', { params: { type: 'image' }, formData: form })).toObject();
});

await receive('Server', async (packet, tell) => {
  // One application for each packet: a server that is used again decrypts with the nonce of the packet before.
  const receiver = make();
  receiver.setRequest(new ServerRequest(packet.method, packet.url, packet.headers, packet.body));
  const server = receiver.getServer();
  server.addEventListener('change_external_contact', (message) => {
    tell(message.toObject ? message.toObject() : { ...message });
    return 'success';
  });
  return (await server.serve()).getBody().toString();
});
process.exit(0);
