"""What the pages say: texts of interfaces in five languages, and running text made of common words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

# key | English | German | Russian | Arabic | Chinese
TEXTS = """
sign_in|Sign in|Anmelden|Войти|تسجيل الدخول|登录
welcome|Welcome back|Willkommen zurück|С возвращением|مرحبا بعودتك|欢迎回来
user|User name|Benutzername|Имя пользователя|اسم المستخدم|用户名
email|E-mail address|E-Mail-Adresse|Адрес электронной почты|البريد الإلكتروني|电子邮箱
password|Password|Passwort|Пароль|كلمة المرور|密码
remember|Remember me|Angemeldet bleiben|Запомнить меня|تذكرني|记住我
forgot|Forgot your password?|Passwort vergessen?|Забыли пароль?|هل نسيت كلمة المرور؟|忘记密码？
create|Create an account|Konto erstellen|Создать аккаунт|إنشاء حساب|创建账户
next|Next|Weiter|Далее|التالي|下一步
back|Back|Zurück|Назад|رجوع|返回
help|Help|Hilfe|Помощь|مساعدة|帮助
contact|Contact|Kontakt|Контакты|اتصل بنا|联系我们
privacy|Privacy|Datenschutz|Конфиденциальность|الخصوصية|隐私
terms|Terms of use|Nutzungsbedingungen|Условия использования|شروط الاستخدام|使用条款
private|Private customers|Privatkunden|Частным клиентам|الأفراد|个人客户
business|Business|Firmenkunden|Бизнесу|الشركات|企业客户
about|About us|Über uns|О нас|من نحن|关于我们
secure|Your connection is secure. Never tell anybody your PIN.|Ihre Verbindung ist sicher. Nennen Sie niemandem Ihre PIN.|Соединение защищено. Никому не сообщайте PIN-код.|اتصالك آمن. لا تخبر أحدا برقمك السري.|您的连接是安全的。请勿向任何人透露密码。
online_banking|Online banking|Online-Banking|Интернет-банк|الخدمات المصرفية|网上银行
access|Access number|Zugangsnummer|Номер доступа|رقم الدخول|登录号码
locked|Your account is limited. Confirm your details to go on.|Ihr Konto ist eingeschränkt. Bestätigen Sie Ihre Daten.|Ваш счёт ограничен. Подтвердите данные.|حسابك مقيد. أكد بياناتك للمتابعة.|您的账户受限，请确认您的资料。
track|Track your parcel|Sendung verfolgen|Отследить посылку|تتبع الطرد|包裹查询
number|Tracking number|Sendungsnummer|Номер отправления|رقم التتبع|运单号
fee|A fee is due|Es ist eine Gebühr fällig|Требуется оплата|توجد رسوم مستحقة|需支付费用
pay|Pay now|Jetzt bezahlen|Оплатить|ادفع الآن|立即支付
card|Card number|Kartennummer|Номер карты|رقم البطاقة|卡号
expiry|Expiry date|Gültig bis|Срок действия|تاريخ الانتهاء|有效期
holder|Name on the card|Name auf der Karte|Имя на карте|الاسم على البطاقة|持卡人姓名
step1|Sent|Aufgegeben|Отправлено|تم الإرسال|已寄出
step2|In transit|Unterwegs|В пути|في الطريق|运输中
step3|At the depot|Im Depot|На складе|في المستودع|到达站点
step4|Held|Angehalten|Задержано|محجوز|暂扣
step5|Delivered|Zugestellt|Доставлено|تم التسليم|已送达
search|Search|Suche|Поиск|بحث|搜索
categories|Categories|Kategorien|Категории|الفئات|分类
vendor|Vendor|Händler|Продавец|البائع|卖家
price|Price|Preis|Цена|السعر|价格
sales|Sales|Verkäufe|Продажи|المبيعات|销量
feedback|Feedback|Bewertungen|Отзывы|التقييمات|评价
ships|Ships from|Versand aus|Доставка из|يشحن من|发货地
orders|Orders|Bestellungen|Заказы|الطلبات|订单
wallet|Wallet|Guthaben|Кошелёк|المحفظة|钱包
messages|Messages|Nachrichten|Сообщения|الرسائل|消息
home|Home|Start|Главная|الرئيسية|首页
forum|Forum|Forum|Форум|المنتدى|论坛
threads|Threads|Themen|Темы|المواضيع|主题
replies|Replies|Antworten|Ответы|الردود|回复
views|Views|Aufrufe|Просмотры|المشاهدات|浏览
last|Last post|Letzter Beitrag|Последнее|آخر مشاركة|最后发表
joined|Joined|Dabei seit|С нами с|انضم في|注册于
posts|Posts|Beiträge|Сообщений|المشاركات|帖子
reply|Reply|Antworten|Ответить|رد|回复
quote|Quote|Zitieren|Цитата|اقتباس|引用
register|Register|Registrieren|Регистрация|تسجيل|注册
published|Published|Veröffentlicht|Опубликовано|منشور|已公布
left|until publication|bis zur Veröffentlichung|до публикации|حتى النشر|距公布
visits|Visits|Besuche|Визиты|الزيارات|访问
data|Data|Daten|Данные|البيانات|数据
more|Read more|Mehr lesen|Подробнее|اقرأ المزيد|查看更多
online|online|online|в сети|متصل|在线
write|Write a message|Nachricht schreiben|Написать сообщение|اكتب رسالة|输入消息
today|Today|Heute|Сегодня|اليوم|今天
invoice|Invoice|Rechnung|Счёт|فاتورة|发票
receipt|Receipt|Kassenbon|Чек|إيصال|收据
item|Item|Artikel|Товар|الصنف|项目
quantity|Quantity|Menge|Кол-во|الكمية|数量
total|Total|Summe|Итого|المجموع|合计
vat|VAT|MwSt.|НДС|الضريبة|增值税
due|Due date|Fällig am|Срок оплаты|تاريخ الاستحقاق|到期日
bill_to|Bill to|Rechnung an|Плательщик|فاتورة إلى|付款方
thanks|Thank you for your purchase|Vielen Dank für Ihren Einkauf|Спасибо за покупку|شكرا لتسوقكم|感谢您的惠顾
amount|Amount|Betrag|Сумма|المبلغ|金额
address|Send only to this address|Nur an diese Adresse senden|Отправляйте только на этот адрес|أرسل إلى هذا العنوان فقط|仅发送至此地址
waiting|Waiting for your payment|Warten auf Ihre Zahlung|Ожидание платежа|في انتظار الدفع|等待付款
time_left|Time left|Verbleibende Zeit|Осталось времени|الوقت المتبقي|剩余时间
gate|Checking that you are human|Prüfung, ob Sie ein Mensch sind|Проверка, что вы человек|التحقق من أنك إنسان|正在验证您是真人
captcha|Type the letters of the picture|Geben Sie die Zeichen ein|Введите символы с картинки|اكتب الأحرف في الصورة|请输入图中字符
queue|You are in the queue|Sie sind in der Warteschlange|Вы в очереди|أنت في قائمة الانتظار|您正在排队
panel|Dashboard|Übersicht|Панель|لوحة التحكم|控制台
victims|Logs|Einträge|Логи|السجلات|日志
country|Country|Land|Страна|البلد|国家
status|Status|Status|Статус|الحالة|状态
settings|Settings|Einstellungen|Настройки|الإعدادات|设置
logout|Log out|Abmelden|Выйти|خروج|退出
buy|Add to cart|In den Warenkorb|В корзину|أضف إلى السلة|加入购物车
sale|Sale up to 70 %|Bis zu 70 % reduziert|Скидки до 70 %|تخفيضات حتى ٧٠٪|低至三折
free|Free delivery|Kostenloser Versand|Бесплатная доставка|توصيل مجاني|免费送货
invest|Start to invest today|Heute noch investieren|Начните инвестировать сегодня|ابدأ الاستثمار اليوم|立即开始投资
profit|Daily profit|Täglicher Gewinn|Ежедневная прибыль|الربح اليومي|每日收益
users|Users|Nutzer|Пользователей|المستخدمون|用户
deposit|Deposit|Einzahlen|Пополнить|إيداع|充值
withdraw|Withdraw|Auszahlen|Вывести|سحب|提现
cookie_title|We value your privacy|Ihre Privatsphäre ist uns wichtig|Мы ценим вашу приватность|نحن نقدر خصوصيتك|我们重视您的隐私
cookie_text|We and our partners store cookies on your device to show you this site and to measure its use. You may change this at any time.|Wir und unsere Partner speichern Cookies auf Ihrem Gerät, um diese Seite anzuzeigen und ihre Nutzung zu messen.|Мы и наши партнёры храним файлы cookie на вашем устройстве, чтобы показывать этот сайт и измерять его использование.|نحن وشركاؤنا نخزن ملفات تعريف الارتباط على جهازك لعرض هذا الموقع وقياس استخدامه.|我们与合作伙伴在您的设备上存储 Cookie，用于显示本网站并统计使用情况。
accept|Accept all|Alle akzeptieren|Принять все|قبول الكل|全部接受
reject|Reject|Ablehnen|Отклонить|رفض|拒绝
"""

COMMON = {
    "en": "the of and to in is you that it for on are with as his they at be this from have or by one had not but what all were when we there can an your which their said if do will each about how up out them then she many some so these would other into has more her two like him see time could no make than first been its who now people my made over did down only way find use may water long little very after words called just where most know get through back much before go good new write our me man too any day same right look think also around another came come work three word must because does part even place well such here take why things help put years different away again off went old number great tell men say small every found still between name should home big give air line set own under read last never us left end along while might next sound below saw something thought both few those always looked show large often together asked house world going want school important until form food keep children feet land side without boy once animal life enough took four head above kind began almost live page got earth need far hand high year mother light country father let night picture being study second soon story since white ever paper hard near sentence better best across during today however sure knew it's try told young sun thing whole hear example heard several change answer room sea against top turned learn point city play toward five himself usually money seen car morning body later account server price proof sample contact leak dump access sell fresh stock vouch escrow deal refund method card cash guide tutorial batch login shell root panel bot traffic lead mail list combo check valid private public support delivery stealth quality grade gram pills tablet pure reship drop track",
    "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis mehr durch man sein wurde sei Prozent hatte kann gegen vom können schon wenn habe seine Mark ihre dann unter wir soll ich eines Jahr zwei Jahren diese dieser wieder keine Uhr seiner worden will zwischen immer Millionen was sagte gibt alle seit muss wurden beim doch jetzt drei neue damit bereits da ihr seinen müssen ab ihrer ohne sondern selbst ersten nun etwa heute weil ihm Menschen Deutschland anderen werde ihren Ende Zeit Geld Stadt Frage gut Haus Tag Land Welt Woche Teil Weg Arbeit Seite Preis Ware Lieferung Zugang Konto Karte Angebot Kunde Verkauf Daten Server Liste Anleitung Methode Kontakt Beweis Muster frisch privat schnell sicher Qualität Versand",
    "ru": "и в не на я быть он с что а по это она этот к но они мы весь который из у то за свой ещё так от о год мочь для человек такой тот ты если же или сказать один время до рука только себя как когда другой жизнь первый новый знать день дело хороший работа большой вопрос слово место лицо друг глаз дом сторона страна мир случай голова ребёнок сила конец вид система часть город отношение женщина деньги земля машина вода отец проблема час право нога решение дверь образ история власть закон война голос тысяча книга возможность результат ночь стол имя область статья число компания народ группа развитие процесс суд условие средство начало свет пора путь душа уровень форма связь минута улица вечер качество мысль дорога мать действие месяц государство язык любовь взгляд база доступ логи продам куплю гарант проверка отзыв цена товар доставка карта счёт сервер метод сделка свежий приват контакт",
    "ar": "في من على أن إلى عن مع هذا كان التي الذي هذه قد ما لا بعد كل ذلك بين عند غير حتى منذ أو إذا ثم أكثر أول يوم عام وقت بيت مدينة بلد عمل ناس حياة عالم رجل امرأة كتاب كلمة سؤال جواب مال سعر جديد قديم كبير صغير جيد سريع آمن خاص عام حساب بطاقة خادم وصول بيانات قائمة طريقة توصيل جودة بائع مشتري طلب رسالة صورة ملف موقع شبكة هاتف برنامج خدمة شركة سوق بضاعة دفع ضمان تقييم دليل صفحة رقم اسم عنوان باب طريق ماء شمس ليل نهار صباح مساء",
    "zh": "我们 你们 他们 这个 那个 什么 时间 现在 可以 没有 因为 所以 但是 如果 已经 还是 知道 问题 工作 生活 世界 国家 城市 公司 价格 商品 卖家 买家 订单 发货 质量 保证 新的 最好 数据 账户 服务器 访问 方法 联系 交易 支付 消息 图片 文件 网站 网络 手机 软件 服务 市场 评价 指南 页面 号码 名字 地址 今天 明天 昨天 早上 晚上 朋友 家人 学校 老师 学生 汽车 电脑 音乐 电影 天气 水果 茶叶 历史 文化 经济 政府 法律 安全 私人 公开 快速 免费 全部 部分 左右 附近 之后 之前",
}
FIRST = {
    "en": "Alice Brian Carla Derek Elena Frank Grace Henry Irene Jason Karen Louis Maria Nolan Olive Peter".split(),
    "de": "Anja Bernd Clara Dieter Eva Fritz Greta Hans Ines Jürgen Katja Lutz Monika Norbert Olga Paul".split(),
    "ru": "Анна Борис Вера Глеб Дарья Егор Жанна Захар Ирина Кирилл Лариса Максим Нина Олег Полина Роман".split(),
    "ar": "أحمد بسمة جمال دانة هالة زياد حسن طارق ياسر كريم ليلى محمد نور سعيد عمر فاطمة".split(),
    "zh": "李伟 王芳 张敏 刘洋 陈静 杨磊 赵强 黄丽 周涛 吴娜 徐勇 孙艳 马超 朱琳 胡军 林霞".split(),
}
LAST = {
    "en": "Abbott Barker Calder Drummond Ellery Farrow Gable Hollis Ingram Jarvis Kessler Lorimer Marsh Norwood Oakes Penrose".split(),
    "de": "Ahrens Böhm Carstens Dorn Eckert Fiedler Gerlach Hübner Imhof Jansen Krüger Lorenz Möller Nolte Ohm Pfeiffer".split(),
    "ru": "Абрамов Белов Власов Громов Дёмин Ершов Жуков Зайцев Ильин Котов Лапин Морозов Носов Орлов Панов Рябов".split(),
    "ar": "الحسن البدري الجندي الدوري الهاشمي الزين الحداد الطائي اليوسف الكردي اللامي المصري النجار السيد العمري الفارس".split(),
    "zh": [""] * 16,
}
HANDLES = "dark ghost zero night iron cold silent red null hex wolf raven byte crypt neon frost viper acid moon storm lazy mad king void pixel shadow".split()


@dataclass(frozen=True)
class Language:
    """code: of ISO 639. direction: "ltr" or "rtl", as in HTML. texts: of interfaces, by key. common: words that text is made of."""

    code: str
    direction: str
    texts: Mapping[str, str]
    common: Sequence[str]

    def say(self, key: str) -> str:
        return self.texts[key]

    def words(self, random: Random, count: int) -> str:
        """Return some words, the same number of them drawn from chance whatever the language."""
        drawn = (self.common[int(random.random() * len(self.common))] for _ in range(count))
        return ("" if self.code == "zh" else " ").join(drawn)

    def sentence(self, random: Random, shortest: int = 5, longest: int = 14) -> str:
        text = self.words(random, random.randint(shortest, longest))
        return text[:1].upper() + text[1:] + {"zh": "。"}.get(self.code, ".")

    def text(self, random: Random, sentences: int) -> str:
        return " ".join(self.sentence(random) for _ in range(sentences))

    def title(self, random: Random, shortest: int = 2, longest: int = 6) -> str:
        text = self.words(random, random.randint(shortest, longest))
        return text[:1].upper() + text[1:]

    def person(self, random: Random) -> str:
        first, last = random.randrange(16), random.randrange(16)
        return f"{FIRST[self.code][first]} {LAST[self.code][last]}".strip()


def handle(random: Random) -> str:
    """Return a nickname."""
    return random.choice(HANDLES) + random.choice(("", "_", ".", "x")) + random.choice(HANDLES) + random.choice(("", str(random.randint(2, 99))))


def _languages() -> dict[str, Language]:
    codes = ("en", "de", "ru", "ar", "zh")
    rows = [line.split("|") for line in TEXTS.strip().splitlines()]
    return {
        code: Language(code, "rtl" if code == "ar" else "ltr", {row[0]: row[1 + n] for row in rows}, COMMON[code].split())
        for n, code in enumerate(codes)
    }


LANGUAGES = _languages()
