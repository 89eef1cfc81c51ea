# the office's pages
office-brand = 现场簿 · 办公室
office-navigation = 页面
office-skip = 跳到正文
office-today = 今天
office-phones = 手机
office-sites = 项目
office-sign-in = 登录
office-sign-out = 退出
office-login = 用户名
office-password = 密码
office-sign-in-by-password = 用密码登录
office-sign-in-elsewhere = 登录已结束。请在新窗口登录，再返回上一页，您填写的内容还在。
office-link-good = 这个登录链接只能用一次。
office-link-over = 登录链接已用过或已过期
office-link-unknown = 没有这个登录链接
office-link-again = 请让管理员再发一个。
office-back-to-today = 返回今天
office-news = 有新内容
office-reload = 刷新
office-more = 后面的
office-earlier = 更早的
office-latest = 最新的
office-none = 没有
office-unknown = 不明
office-unknown-code = 未知（{ $code }）
office-seconds = { $seconds } 秒
office-minutes = { $minutes } 分 { $seconds } 秒

# today
office-waiting = 待处理的派工单
office-orders = 进行中和今天的派工单
office-desk-cases = 手机送来、待定的记录
office-open-cases = 待处理 { $count }
office-deviations = 步骤不符 { $count }
office-column-order = 内容
office-column-unit = 房号
office-column-status = 状态
office-column-assignee = 维修人员
office-column-appointment = 预约
office-column-changed = 更新
office-priority-urgent = 急修
office-priority-appointed = 预约
office-category-household = 户内
office-category-public = 公共设施

# an order
office-fields = 派工单
office-record = 记录编号
office-limits = 时限
office-timeline = 经过
office-money = 费用
office-unanswered = 客户还没有答复
office-in-conflict = 两个值
office-from-office = 办公室
office-from-phone = 手机
office-server = 服务器
office-unverified = 时钟未核对
office-said-at = 补录，发生在 { $time }
office-on-behalf = 代 { $person } 填写
office-deviation = 不符
office-fact-price-item-approved = 批准价目
office-paid-cash = 现金
office-paid-qr-code = 扫码
office-paid-transfer = 转账
office-via-radio = 对讲机
office-via-phone = 电话
office-photo-before = 施工前
office-photo-after = 施工后
office-photo-other = 其他

# what can be done
office-actions = 操作
office-action-dispatch = 派出
office-action-told = 已通知工程
office-action-close = 关闭派工单
office-action-cancel = 取消派工单
office-action-assign = 指派
office-action-note = 记下备注
office-reason = 原因

# cases
office-cases = 待处理的事项
office-left-out = 还有 { $count } 项，处理完这些再显示
office-reason-conflict = 已与客户和维修人员核实
office-reason-close = 已核实
office-seen-changed = 您看到的内容已经有了变化，请再看一遍再决定
office-close-case = 了结
office-amount-charged = 收费
office-amount-other = 另一金额
office-desk-case-refused = 手机送来的记录被退回
office-desk-case-held = 手机送来的记录还不能入账
office-desk-case-number-gap = 手机有记录没有送到
office-desk-case-clone = 同一编号来了两份不同的记录
office-numbers = 第 { $numbers } 条
office-to-order = 看派工单
office-decision-accept-after-all = 仍然入账
office-decision-discard = 不入账
office-decision-dismiss = 不需处理
office-why-missing-dependency = 所依据的记录还没有到
office-why-undecided = 服务器没能判定
office-why-numbers-missing = 编号不连续
office-why-unreadable = 内容读不出来

# signatures
office-drawing = 客户手写签名
office-no-drawing = 签名笔迹不在了
office-signed-content = 所签内容指纹 { $hash }
office-signature-valid = 签名有效：内容与客户签字时相同
office-signature-altered = 与签字时不同：{ $what }
office-signature-missing = 无法核对，缺少：{ $what }
office-signature-untrusted = 无法核对：签字设备没有可信的证书
office-part-signature = 设备签章
office-part-content = 所签内容
office-part-text = 出示的文字
office-part-strokes = 笔迹
office-part-shown = 出示过的步骤
office-part-signed = 签字
office-part-fact = 记录

# phones
office-account-rule = 已保存 = 已接受 + 待定 + 退回 + 仍在手机上；以手机最近一次报告为准。
office-column-person = 人员
office-column-phone = 手机
office-column-saved = 已保存
office-column-accepted = 已接受
office-column-held = 待定
office-column-refused = 退回
office-column-on-phone = 仍在手机上
office-column-contact = 最近联系
office-revoked = 已停用
office-never = 还没有
