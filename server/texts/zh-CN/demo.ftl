# the demo
demo-begin = 演示：{ $site }，{ $buildings } 栋 { $units } 户，{ $people } 名员工。人名、号码都是虚构的，时间按脚本走。
demo-folder = 服务器在 { $url }，数据在临时目录。行首是脚本时间；“=”后面是服务器此刻的记录。
demo-comma = 、
demo-none = 无
demo-stands = { $kind }：{ $status }
demo-deadline = ；{ $deadline }：{ $state }
demo-case = ；待处理：{ $case }
demo-kind-work-order = 派工单
demo-kind-contact = 联系人
demo-kind-patrol-plan = 巡查计划
demo-kind-patrol-round = 巡查
demo-kind-alarm = 报警

# the days before
demo-scene-eve = 前两天
demo-complaint = 周一，客服助理{ $person }接到 { $unit } 的投诉，查明原因，判为有效、轻微：{ $title }
demo-phone = { $person }（设备 { $device }）
demo-enrolled = 周二，{ $count } 部手机用一次性注册码登记：{ $phones }
demo-eve = 周二晚，业主外出留了钥匙，{ $person }开门干活：{ $title }。{ $reason }，钥匙先留在身上。

# hand-overs
demo-scene-morning = 早上交接班
demo-handed-over = { $person }交班（{ $shift }）：未了事项 { $matters } 件，在外钥匙 { $keys } 把，对讲机 { $radios } 台；钱箱 { $opening }，收入 { $takings }，实点 { $counted }，差额 { $difference }。
demo-not-oneself = { $person }想自己接自己的班：规则不许，什么也没有写下。
demo-taken-over = { $person }接班，写明不符：{ $differences }
demo-taken-over-equal = { $person }接班，与交班一致。
demo-case-closed = 主管{ $person }处理了这一项：{ $reason }
demo-key-returned = { $person }还了钥匙；在外的钥匙还剩 { $left } 把。
demo-scene-evening = 晚上交接班

# plans
demo-scene-plans = 排班与计划
demo-roster = { $person }导入当天的排班表：{ $added } 个班次。
demo-planned = { $person }排好当天的巡查，由{ $officer }走两圈楼道和一趟空置房。
demo-task-done = { $person }做好下月计划，服务器就此办结定期工作“{ $task }”。

# a call
demo-scene-call = 一个报修电话
demo-call = { $unit } 来电，{ $person }登记、复述、说明现场报价，转工程部：{ $title }
demo-order = { $person }派单：{ $title }（{ $unit }）。

# the patrol
demo-scene-patrol = 巡查，没有信号
demo-walked = { $person }没有信号走完一圈，回到有信号处同步：{ $coverage }。
demo-found = 巡查发现一到服务器就自动开出公共维修单，{ $person }派给{ $worker }：{ $title }
demo-dissuaded = { $person }劝阻：“{ $text }”。对方不理，他能做的到此为止。

# a home without signal
demo-scene-visit = 入户维修，没有信号
demo-downloaded = { $person }的手机有信号时收到 { $count } 份记录。
demo-signal-lost = { $person }进了地下室，没有信号。以下都写在手机上。
demo-died = 写到第 { $number } 条时，手机程序在写入中途被断电式终止……
demo-reopened = ……重新打开：已保存 { $saved } 条，一条不少；没写完的那条不在，重写一次。
demo-meanwhile = 同一时间，前台把预约改到 { $hour }，又把这张单改派给{ $person }。
demo-patched = 一台被改过的手机还写了只有总经理能写的“批准价目”。
demo-statement = 请客户看过再签字：
demo-synced = 有信号了，一次同步：送出 { $pushed } 条，收到 { $received } 份记录，退回 { $refused } 条。

# a conflict
demo-scene-conflict = 两边写了不同的预约
demo-side = { $person }写的是 { $value }
demo-resolved = { $person }裁定 { $value }：{ $reason }

# the ladder of a complaint
demo-scene-ladder = 投诉两天没解决
demo-escalated = { $due } 满两天，没有人看着，服务器自己把投诉升到“{ $step }”。
demo-plan-accepted = 主管{ $person }把方案告诉客户，客户同意：{ $plan }
demo-carried-out = { $person }办妥：{ $text }
demo-scene-solved = 投诉解决，上门回访
demo-complaint-closed = { $person }告知进展，客户满意，结案：{ $text }
demo-visited = 结案自动开出回访；{ $person }上门，客户说：“{ $text }”。

# an outage
demo-scene-outage = 停水、维修通告、三个来电
demo-notice = { $person }贴出维修通告：{ $effects }
demo-attached = { $person }接了 { $count } 个来电，都挂到这张通告上。
demo-on-behalf = { $worker }没有手机：{ $person }照纸单替他补录 { $count } 步，每步写明当时的时间。
demo-notice-ended = { $person }结束通告：{ $text }
demo-called-back = 服务器在 { $told } 份来电记录里写明已恢复；{ $person }逐个回电：{ $back } 个。
demo-follow-up = { $person }回访：“{ $text }”。

# a violation
demo-scene-violation = 违例
demo-registered = { $person }登记并评估：{ $why }，由此算作“{ $severity }”。
demo-decided = 主管{ $person }决定：{ $measure }（{ $date }）。
demo-not-signed = { $person }想先执行：没有签字的决定不生效，被拒。
demo-countersigned = 项目经理{ $person }签字，决定生效。
demo-rectified = { $person }送达通知，复查已整改，结案：{ $text }

# a paid service
demo-scene-paid = 有偿服务
demo-priced = { $person }定价{ $item } { $amount }/{ $measure }，{ $manager }批准。
demo-paid = { $unit } 来电，{ $person }登记{ $title }，报价 { $told }，通知保洁部，派{ $worker }。
demo-cleaned = { $person }入户，客户同意报价，做完验收、付现金、签字。
demo-money = 收 { $charged }，交前台 { $handed }；{ $person }开票 { $invoiced } 并送到客户手里。
demo-quality = 主管{ $person }抽查质量和满意度。

# vacant homes
demo-scene-vacant = 空置房
demo-settled = { $person }当场处理：{ $text }

# an alarm
demo-scene-alarm = 报警
demo-alarm = { $person }闻到煤气味（{ $place }），报警先于一切送出。
demo-alerted = { $at } 通知{ $person }。
demo-alarm-settled = { $person }接警并处理完：{ $text }

# the evening
demo-unsent = 手机上最后一条故意留着不发。
demo-day-closed = { $person }收到维修人员交来的 { $amount }，收回做完的派工单，结了该结的。

# the order at the end
demo-timeline = 派工单经过（{ $status }）
demo-waits = 等候与用时
demo-deviations = 与规定不符的步骤
demo-signature = 客户签名
demo-cases = 待处理的事项
demo-heads = 服务器用 Automerge 重建 { $records } 份记录，核对无误；{ $person }手机上看到的派单与服务器完全相同。

# the account
demo-scene-sum = 一天的账
demo-refused = 退回第 { $number } 条：{ $why }
demo-records = 记录 { $records } 份：{ $kinds }
demo-facts = 事实 { $facts } 条：人写的 { $people }，服务器按规则写的 { $server }
demo-open-cases = 待处理事项 { $open } 件：{ $cases }
demo-desk-case = 办公室待办（{ $kind }）：{ $count } 件
demo-commands = 命令：办公室 { $office } 条 + 手机 { $phones } 条 = 在记录里 { $there } 条 + 退回 { $refused } 条 + 仍在手机上 { $unsent } 条；丢失 { $lost } 条

# going on
demo-sign-in = 登录办公室接口：用户 { $login }，密码 { $password }
demo-end = 按 Ctrl-C 结束，临时数据随之删除。
demo-link = 在浏览器里当前台（{ $person }），一次有效：
demo-terminal = 在第二个终端里当巡查员{ $person }，随后网页会自己变化：
