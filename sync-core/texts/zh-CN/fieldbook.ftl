# roles
role-front-desk = 前台接待员
role-assistant = 客服助理
role-supervisor = 部门主管
role-project-manager = 项目经理
role-general-manager = 总经理
role-operations-manager = 经营部经理
role-cleaning-manager = 保洁部经理
role-quality = 品质部
role-engineering-lead = 工程领班
role-technician = 维修人员
role-service-worker = 有偿服务人员
role-patrol-officer = 巡查人员
role-security = 保安员
role-duty-operator = 夜间值班
role-admin = 系统管理员

# statuses
status-opened = 已登记
status-dispatched = 已派出
status-received = 已签收
status-declined = 已退单
status-on-the-way = 在途
status-at-the-door = 已到门口
status-working = 施工中
status-paused = 暂停
status-no-answer = 无人应门
status-unfinished = 未完工
status-waiting-for-parts = 待料
status-out-of-scope = 非本部门范围
status-cancelled = 已取消
status-finished = 已完工
status-returned = 已返单
status-closed = 已关闭
status-kept = 存档

# deadlines
deadline-filled = 派工单填写
deadline-told = 通知工程
deadline-on-site = 到达现场
deadline-done = 修复完成
deadline-call-back = 回访客户
deadline-state-met = 按时
deadline-state-running = 计时中
deadline-state-breached = 超时
deadline-state-unknown = 无法判定
deadline-state-excused = 有记录的原因

# waits
wait-ring-pause = 两次按铃间隔
wait-knock-pause = 第三次叩门前停顿
wait-no-answer-wait = 门口等候
wait-work = 施工时长
wait-pause = 暂停时长

# deviations
deviation-cause-not-explained = 结束前没有讲解原因和保养
deviation-entered-unannounced = 没有按铃或敲门就进门
deviation-explained-incompletely = 讲解不完整
deviation-finished-without-start = 没有记录开工就完工
deviation-key-not-received = 用钥匙进门但没有领用记录
deviation-key-not-returned = 钥匙还没有归还
deviation-knock-too-soon = 第三次叩门前停顿不足一秒
deviation-knocked-too-few = 叩门不足三次就离开
deviation-left-early = 等候不足规定时间就离开
deviation-left-unannounced = 门前离开时没有告知前台
deviation-left-untidied = 中途离开时没有清理现场
deviation-left-without-being-asked = 客户没有要求就中途离开
deviation-left-without-farewell = 没有记录告辞
deviation-no-shoe-covers = 没有穿鞋套
deviation-not-explained-to-customer = 没有向客户解释未完工的原因
deviation-not-introduced = 进门前没有自我介绍
deviation-not-prepared = 上门前没有准备记录
deviation-not-signed = 没有签字结果
deviation-not-tidied = 没有整理现场
deviation-not-trained = 人员没有受过这项培训
deviation-out-of-order = 步骤顺序不对
deviation-prepared-incompletely = 上门准备不齐
deviation-rang-too-few = 没有再次按铃就离开
deviation-ring-too-soon = 两次按铃间隔不足五秒
deviation-scope-not-confirmed = 没有确认服务范围
deviation-tidied-incompletely = 现场整理不完整
deviation-valuables-not-reminded = 没有提醒收好贵重物品
deviation-worked-without-quote = 没有客户同意的报价就施工

# cases
case-changed-after-signature = 客户签字以后，签过的内容又有改动
case-clock-unverified = 手机时钟没有与服务器对过，时间不能作准
case-done-after-reassignment = 已改派他人，原来的人不知情仍然做了
case-field-conflict = 同一项有两个不同的值，需要选定一个
case-finished-though-cancelled = 派工单已取消，现场却做完了
case-money-not-equal = 金额不一致
case-money-not-handed-in = 收的费用当日没有交到前台
case-step-deviation = 上门步骤与规定不符
case-two-peoples-visits = 两个人为同一张单上门，时间重叠或都完工

# denials
denial-record-not-here = 手机上没有这份记录
denial-record-left = 这份记录已不归您负责，只能查看
denial-not-your-role = 您的岗位不能做这一步
denial-wrong-kind = 这一步不属于这类记录
denial-text-too-long = 文字太长，最多 { $limit } 个字
denial-text-empty = 请填写内容
denial-out-of-range = 数值超出范围
denial-bad-time = 时间格式不对
denial-replaces-several = 一次只能改一个值
denial-field-in-conflict = 这一项有两个值，请先选定
denial-unknown-field = 没有这一项
denial-not-in-conflict = 这一项没有冲突
denial-no-such-fact = 记录里没有所指的步骤
denial-not-a-drawing = 签名太短，请重新签写
denial-statement-differs = 内容有变动，请重新出示给客户
denial-record-full = 这份记录的步骤已满

# refusals beside the rules' own
refusal-rests-on-refused = 所依据的步骤没有被接受
refusal-edited-old-fact = 改动了已经写下的步骤
refusal-wrong-record-id = 记录编号与来源不符

# receipts
outcome-entered = 已入账
outcome-rewritten = 已入账（由服务器转写）
outcome-held = 已存，待定
outcome-refused = 已退回待审
outcome-not-stored = 服务器暂存不下，仍在手机上

# account
account-closes-held = { $person }：已保存 { $saved } = 已接受 { $accepted } + 待定 { $held } + 退回 { $refused } + 仍在手机上 { $on_phone }
account-closes = { $person }：已保存 { $saved } = 已接受 { $accepted } + 退回 { $refused } + 仍在手机上 { $on_phone }

# fields
field-assignee = 维修人员
field-appointment = 预约时间
field-priority = 缓急
field-description = 内容
field-unit = 房号
field-place = 地点
field-contact = 联系人
field-category = 类别
field-chargeable-fen = 有偿金额
field-reported-at-ms = 报修时间
field-name = 姓名
field-phones = 电话
field-relation = 与房屋的关系
field-salt = 随机值

# ratings
rating-quality = 维修质量
rating-attitude = 服务态度
rating-conduct = 行为规范

# verification
verification-valid = 签名有效
verification-altered = 内容与签名时不同：{ $what }
verification-missing = 缺少：{ $what }
verification-untrusted = 签名所用的钥匙不受信任

# facts
fact-created = 登记
fact-set = 填写
fact-resolve = 选定
fact-note = 备注
fact-case-closed = 事项了结
fact-dispatched = 派出
fact-told = 通知工程
fact-received = 领单签收
fact-declined = 退单
fact-cancelled = 取消
fact-returned = 返单
fact-closed = 关闭
fact-waiting-for-parts = 待料
fact-out-of-scope = 非本部门范围
fact-set-out = 出发
prompt-set-out = 带好工具、材料和派工单出发。
fact-prepare = 上门准备
prompt-prepare = 检查仪容、工具和材料，看清要求。
fact-ring = 按铃
prompt-ring = 轻按门铃一次；没有回应，五秒后再按一次。
fact-knock = 叩门
prompt-knock = 没有门铃就叩门：连叩两下，停一秒，再叩一下。
fact-no-answer = 无人应门
prompt-no-answer = 等满三分钟，再联系前台另约时间。
fact-no-answer-confirmed = 前台确认无人
fact-introduce = 自我介绍
prompt-introduce = 说明公司、姓名和来意。
fact-enter = 进门
prompt-enter = 客户同意后再进门。
fact-shoe-covers = 穿鞋套
prompt-shoe-covers = 进门时穿好鞋套。
fact-entered-with-key = 用钥匙进门
prompt-entered-with-key = 先敲门，确认没有人，再用钥匙开门。
fact-key-received = 领用钥匙
fact-key-returned = 归还钥匙
fact-scope-confirmed = 确认服务范围
prompt-scope-confirmed = 与客户核对要做的项目。
fact-valuables-reminded = 提醒收好贵重物品
prompt-valuables-reminded = 请客户先收好贵重物品。
fact-start-work = 开工
prompt-start-work = 动作要轻，不要损坏屋内物品。
fact-paused = 暂停
fact-resumed = 继续
fact-finish-work = 完工
fact-material = 用料
fact-material-removed = 撤销用料
fact-photo = 照片
fact-advice = 建议
fact-unable-to-finish = 未能完工
prompt-unable-to-finish = 耐心说明原因，约好下次时间。
fact-left-midway = 中途离开
fact-tidy = 整理现场
prompt-tidy = 擦净设备，打扫地面，清点工具。
fact-explain = 讲解
prompt-explain = 讲清故障原因、保养和正确使用。
fact-quoted = 报价
prompt-quoted = 动手前先报价。
fact-quote-accepted = 同意报价
fact-quote-declined = 不同意报价
fact-charged = 收费
prompt-charged = 按报价收费。
fact-handed-in = 交款
fact-invoiced = 开票
fact-invoice-delivered = 送达发票
fact-refunded = 退款
fact-signed = 客户签字
prompt-signed = 请客户评价并签字。
fact-sign-refused = 客户拒签
fact-sign-absent = 无人签字
fact-farewell = 告辞
prompt-farewell = 道别，轻声离开。
fact-helper-joined = 协助人员加入
fact-called-back = 回访

# problems
problem-malformed = 请求格式不对
problem-too-large = 内容太大
problem-not-signed-in = 请先登录
problem-token-expired = 登录已过期
problem-device-revoked = 这台设备已停用
problem-account-disabled = 账号已停用
problem-wrong-password = 用户名或密码不对
problem-wrong-code = 注册码不对、已用过或已过期
problem-forbidden = 没有权限
problem-denied = 不符合规定
problem-not-found = 没有找到
problem-method-not-allowed = 不支持这种请求
problem-idempotency-conflict = 同一请求编号的内容不同
problem-idempotency-key-missing = 缺少请求编号
problem-cross-site = 请求来源不对，请刷新页面
problem-version-not-spoken = 请更新应用
problem-wrong-device = 设备不符
problem-unknown-session = 会话没有登记
problem-cursor-from-elsewhere = 同步位置不属于这台服务器
problem-too-many-requests = 请求太多，请稍后再试
problem-already-exists = 已经存在
problem-sheet-refused = 表格有问题，未导入任何内容
problem-swap-refused = 不能这样换班
problem-unavailable = 暂时不可用，请稍后再试
problem-internal = 服务器出错

# the duty roster
duty-security = 保安
duty-duty-operator = 夜间运行值班
duty-patrol = 巡查
duty-desk = 前台
duty-engineering = 工程
sheet-too-large = 文件超过 10 MB
sheet-unpacked-too-large = 文件解压后超过 200 MB
sheet-too-many-rows = 超过 100000 行
sheet-not-a-sheet = 不是能读的 .xlsx 或 CSV 表格
sheet-old-workbook = 旧式 .xls 表格，请另存为 .xlsx
sheet-not-utf8 = 文本不是 UTF-8 编码，请另存为“CSV UTF-8”
sheet-empty = 表格里没有内容
sheet-column-missing = 缺少这一列
sheet-column-twice = 这一列出现了两次
sheet-missing = 没有填写
sheet-bad-date = 不是有效的日期
sheet-unknown-duty = 没有这个岗位
sheet-bad-time = 不是有效的时间
sheet-no-time-left = 拨钟之后这个班没有时间了
sheet-bad-rank = 顺序应是 1 到 999 的整数
sheet-bad-person = 不是工号或姓名
sheet-person-unknown = 本项目没有这个人
sheet-person-ambiguous = 有几个人同名，请填工号
sheet-person-disabled = 此人的账号已停用
sheet-role-missing = 此人在这段时间没有该岗位需要的角色
sheet-overlap = 此人同一岗位的班次时间重叠
swap-not-yours = 只有当事人或主管可以这样做
swap-same-person = 换班双方是同一个人
swap-shift-begun = 班次已经开始
swap-shift-gone = 班次已经变动
swap-person-disabled = 其中一人的账号已停用
swap-role-missing = 接班的人没有该岗位需要的角色
swap-overlap = 接班的人在这段时间另有班次
swap-not-another-supervisor = 须由当事人以外的主管或项目经理决定
swap-closed = 这次换班已有结论

# the demo
demo-begin = 演示：{ $site }，{ $buildings } 栋 { $units } 户，{ $people } 名员工。人名、号码都是虚构的，时间按脚本走。
demo-folder = 服务器在 { $url }，数据在临时目录。
demo-enrolled = { $person }的手机用一次性注册码登记好了（设备 { $device }）。
demo-order = 前台{ $person }登记报修并派单：{ $title }（{ $unit }）。
demo-downloaded = { $person }的手机有信号时收到 { $count } 份记录。
demo-signal-lost = { $person }进了地下室，没有信号。以下都写在手机上。
demo-died = 写到第 { $number } 条时，手机程序在写入中途被断电式终止……
demo-reopened = ……重新打开：已保存 { $saved } 条，一条不少；没写完的那条不在，重写一次。
demo-meanwhile = 同一时间，前台把预约改到 { $hour }，又把这张单改派给{ $person }。
demo-patched = 一台被改过的手机还写了只有总经理能写的“批准价目”。
demo-statement = 请客户看过再签字：
demo-synced = 有信号了，一次同步：送出 { $pushed } 条，收到 { $received } 份记录，退回 { $refused } 条。
demo-unsent = 最后一条故意留在手机上不发。
demo-accounts = 对账
demo-refused = 退回第 { $number } 条：{ $why }
demo-timeline = 派工单经过（{ $status }）
demo-waits = 等候与用时
demo-deviations = 与规定不符的步骤
demo-none = 无
demo-signature = 客户签名
demo-cases = 待处理的事项
demo-heads = 服务器用 Automerge 重建 { $records } 份记录，核对无误；{ $person }手机上看到的派单与服务器完全相同。
demo-sign-in = 登录办公室接口：用户 { $login }，密码 { $password }
demo-end = 按 Ctrl-C 结束，临时数据随之删除。
demo-unverified = （时钟未核对）
demo-seconds = { $seconds } 秒
demo-unknown = 不明
