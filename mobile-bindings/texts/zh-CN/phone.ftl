# fieldbook-phone：终端自己的用语。每行一条。

signed-out = 已退出，这台手机上不再显示您的记录；已交出的工作加密保留，直到服务器收到为止
whoami = { $person }（人员 { $number }，设备 { $device }），服务器 { $server }，安装指纹 { $installation }
saved = 已保存：第 { $number } 号，记录 { $record }，编号 { $key }
synced = 发出 { $pushed } 条，收到 { $received } 份记录，退回 { $refused } 条
re-enrol = 服务器见过另一台用同样编号的手机：请用新的代码重新登记
watch-offline = 没有回应，按计划再试
airplane-on = 飞行模式已打开：照常保存，什么也不发送
airplane-off = 飞行模式已关闭：同步时发出已保存的内容

# 列表
list-pending = 〔{ $count } 条还没被接受〕
list-left = 〔已不归你：只读〕
list-empty = 没有内容
refused = 第 { $number } 号（记录 { $record }）被退回：{ $why }
refused-none = 没有被退回的
waiting = 第 { $number } 号（记录 { $record }）在服务器上等着：{ $why }
lost = { $record } 的第 { $number } 条在这部手机上已读不出来：{ $why }
waiting-none = 没有在等的
returned =   { $by }问：{ $text }
returned-answered =   已答复：{ $text }
returned-open =   还没有答复：inbox answer { $key } 答复的话
returned-saved = 答复已保存，下次联系服务器时送出
outbox-parked = 先留在手机上：{ $why }
reference-site = 项目 { $number }：{ $name }
reference-role = 角色 { $role }，项目 { $site }，自 { $from }（UTC）
reference-person = 人员 { $number }：{ $name }

# 一份记录
show-conflict = 其一：{ $value }（{ $by }，{ $at }）
show-deadlines = 时限
show-visits = 上门
show-cases = 待判事项
show-case-open = 未结：{ $case }
show-case-closed = 已结：{ $case }
show-timeline = 逐步经过
show-said-at = （补录，实际时间 { $at }）
show-on-behalf-of = （代 { $person }）
show-server = 服务器

# 待发
outbox-command = 第 { $number } 号  { $what }  { $age } 秒前保存
outbox-empty = 手机上没有未发出的内容
outbox-handed-over = 已写入 { $file }（已加密，内容仍在手机上）；交给办公室时另告口令：{ $code }
outbox-exported = 已把 { $count } 条写入 { $file }（未加密）；它们仍在手机上

# 演示
demo-note = 客户希望上门前先打电话。
demo-finding = 一盏灯不亮，灯罩松脱。
demo-nothing = 列表是空的，没有可做的事。
demo-changed = 请看办公室页面：刚才做的已经显示出来。

# 修复存储
salvage-none = 存储没有损坏，没有做任何改动
salvaged = 已抢救：{ $count } 条记录都在，下次联系服务器时送出；另有 { $rows } 行读不出来。损坏的文件保留为 { $file }
salvage-lost = { $record } 的第 { $number } 条读不出来
salvage-re-enrol = 没有找到最后的编号：请先用新的代码重新登记，再继续记录
account-lost = 这部手机上已读不出来的编号：{ $numbers }

# 签名
signing-none = 没有进行中的签名
signing-strokes = 已画 { $count } 笔
signing-changed = 内容已经变了：请重新出示，之前画的已作废

# 失败
error-bad-input = 看不懂：{ $reason }
error-file = { $what }：{ $why }
error-file-exists = { $what } 不是待发内容的导出文件，没有改动它
error-unsent-work = 还有 { $count } 条没有发送：请先发送，或退出时用 --hand-over 留给下一位代交
error-not-enrolled = 这里还没有人登记：请用办公室给的代码登记
error-airplane = 飞行模式打开着：什么也没有发送
error-unknown-record = 手机上没有以 { $record } 开头的记录
error-ambiguous-record = 有 { $count } 份记录以 { $record } 开头：请多写几个字符
error-no-open-visit = 这份记录里没有你正在进行的上门：先 set_out，或用 --visit 指明
error-offline = 服务器没有回应，内容都已保存（{ $reason }）
error-retry-later = 服务器请你稍候：{ $seconds } 秒后再试
error-update-app = 程序太旧，请更新（{ $reason }）
error-unexpected = 对方不是 Fieldbook 服务器，或是另一台（{ $reason }）
error-too-large = 太大：{ $what } 超过 { $limit }
error-disk-full = 磁盘已满，没有保存
error-store-in-use = 另一个程序正在使用这份数据
error-wrong-key = 密钥不属于这份存储
error-salvage = 运行 fieldbook-phone salvage：能读的进入新存储，原文件保留
error-closed = 手机已关闭

# 巡查、报警、收件
round-visited = 〔已到〕
round-skipped = 〔未能到〕
round-missed = 〔漏巡〕
round-open = 〔未到〕
finding-open = { $place } 发现：{ $what }
finding-settled = { $place } 已处理：{ $what }
alarm-sent = 报警已到服务器
alarm-radio = 报警已保存，还没有发出：请立即用对讲机告诉保安部
inbox-new = 新
inbox-read = 已读
inbox-done = 已办
