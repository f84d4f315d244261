// Made from the API's OpenAPI document; see the workspace's README. Do not edit.
export interface paths {
    "/accounts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 平台账号与健康
         * @description 权限：查看平台账号（accounts.read）
         */
        get: operations["listAccounts"];
        put?: never;
        /**
         * 添加平台账号
         * @description 权限：管理平台账号（accounts.write）
         */
        post: operations["addAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/accounts/mini/{app_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 小程序
         * @description 权限：查看平台账号（accounts.read）
         */
        get: operations["getMiniAccount"];
        put?: never;
        post?: never;
        /**
         * 删除小程序
         * @description 权限：管理平台账号（accounts.write）
         */
        delete: operations["deleteMiniAccount"];
        options?: never;
        head?: never;
        /**
         * 修改小程序
         * @description 权限：管理平台账号（accounts.write）
         */
        patch: operations["changeMiniAccount"];
        trace?: never;
    };
    "/accounts/mini/{app_id}/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 现在检查小程序
         * @description 权限：管理平台账号（accounts.write）
         */
        post: operations["checkMiniAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/accounts/official/{app_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 公众号
         * @description 权限：查看平台账号（accounts.read）
         */
        get: operations["getOfficialAccount"];
        put?: never;
        post?: never;
        /**
         * 删除公众号
         * @description 权限：管理平台账号（accounts.write）
         */
        delete: operations["deleteOfficialAccount"];
        options?: never;
        head?: never;
        /**
         * 修改公众号
         * @description 权限：管理平台账号（accounts.write）
         */
        patch: operations["changeOfficialAccount"];
        trace?: never;
    };
    "/accounts/official/{app_id}/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 现在检查公众号
         * @description 权限：管理平台账号（accounts.write）
         */
        post: operations["checkOfficialAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/accounts/official/{app_id}/qrcode": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 生成扫码关注公众号的临时二维码
         * @description 权限：管理平台账号（accounts.write）
         */
        post: operations["makeQRCode"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/accounts/sms/{sign_name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 短信签名
         * @description 权限：查看平台账号（accounts.read）
         */
        get: operations["getSMSAccount"];
        put?: never;
        post?: never;
        /**
         * 删除短信签名
         * @description 权限：管理平台账号（accounts.write）
         */
        delete: operations["deleteSMSAccount"];
        options?: never;
        head?: never;
        /**
         * 修改短信签名
         * @description 权限：管理平台账号（accounts.write）
         */
        patch: operations["changeSMSAccount"];
        trace?: never;
    };
    "/accounts/sms/{sign_name}/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 现在检查短信签名
         * @description 权限：管理平台账号（accounts.write）
         */
        post: operations["checkSMSAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/accounts/wecom/{corp_id}/{agent_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 企业微信应用
         * @description 权限：查看平台账号（accounts.read）
         */
        get: operations["getWeComAccount"];
        put?: never;
        post?: never;
        /**
         * 删除企业微信应用
         * @description 权限：管理平台账号（accounts.write）
         */
        delete: operations["deleteWeComAccount"];
        options?: never;
        head?: never;
        /**
         * 修改企业微信应用
         * @description 权限：管理平台账号（accounts.write）
         */
        patch: operations["changeWeComAccount"];
        trace?: never;
    };
    "/accounts/wecom/{corp_id}/{agent_id}/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 现在检查企业微信应用
         * @description 权限：管理平台账号（accounts.write）
         */
        post: operations["checkWeComAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 接口密钥列表
         * @description 权限：管理接口密钥（keys.manage）
         */
        get: operations["listKeys"];
        put?: never;
        /**
         * 创建接口密钥
         * @description 权限：管理接口密钥（keys.manage）
         */
        post: operations["addKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api-keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * 吊销接口密钥
         * @description 权限：管理接口密钥（keys.manage）
         */
        delete: operations["revokeKey"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 审计日志
         * @description 权限：查看审计日志（audit.read）
         */
        get: operations["listAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/contacts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 客户列表
         * @description 权限：查看客户（contacts.read）
         */
        get: operations["listContacts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/contacts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 客户 360
         * @description 权限：查看客户（contacts.read）
         */
        get: operations["getContact"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * 修改客户
         * @description 权限：修改客户（contacts.write）
         */
        patch: operations["changeContact"];
        trace?: never;
    };
    "/contacts/{id}/consents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 同意与退订记录
         * @description 权限：查看客户（contacts.read）
         */
        get: operations["getConsents"];
        put?: never;
        /**
         * 补记同意、撤回或退订
         * @description 权限：修改客户（contacts.write）
         */
        post: operations["stateConsent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/contacts/{id}/reach": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 现在能怎么触达、为什么不能
         * @description 权限：查看客户（contacts.read）
         */
        get: operations["getReach"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/contacts/{id}/reveal": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 查看完整的手机号或邮箱
         * @description 权限：查看完整的手机号和邮箱（contacts.reveal）
         */
        post: operations["revealContact"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/contacts/{id}/tags": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 给客户打、去标签
         * @description 权限：修改客户（contacts.write）
         */
        post: operations["tagContact"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/contacts/{id}/timeline": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 客户时间线
         * @description 权限：查看客户（contacts.read）
         */
        get: operations["listContactTimeline"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/contacts/{id}/why": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 为什么
         * @description 权限：查看客户（contacts.read）
         */
        get: operations["explainContact"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/contacts/count": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 有多少客户
         * @description 权限：查看客户（contacts.read）
         */
        get: operations["countContacts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/contacts/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 按条件找客户
         * @description 权限：查看客户（contacts.read）
         */
        post: operations["searchContacts"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/dead-letters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 死信
         * @description 权限：查看系统状态（system.read）
         */
        get: operations["listDeadLetters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/dead-letters/{id}/discard": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 丢弃死信
         * @description 权限：处理死信（system.repair）
         */
        post: operations["discardDeadLetter"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/dead-letters/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 重试死信
         * @description 权限：处理死信（system.repair）
         */
        post: operations["retryDeadLetter"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/definitions/{kind}/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 一项配置
         * @description 权限：查看配置（definitions.read）
         */
        get: operations["getDefinition"];
        /**
         * 保存一项配置
         * @description 权限：修改配置（definitions.write）
         */
        put: operations["putDefinition"];
        post?: never;
        /**
         * 删除一项配置
         * @description 权限：修改配置（definitions.write）
         */
        delete: operations["deleteDefinition"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/domain-proofs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 域名校验文件
         * @description 权限：查看平台账号（accounts.read）
         */
        get: operations["listDomainProofs"];
        put?: never;
        /**
         * 上传域名校验文件
         * @description 权限：管理平台账号（accounts.write）
         */
        post: operations["putDomainProof"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/domain-proofs/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * 删除域名校验文件
         * @description 权限：管理平台账号（accounts.write）
         */
        delete: operations["deleteDomainProof"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 上报事件
         * @description 权限：上报事件（events.write）
         */
        post: operations["ingestEvents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/fields": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 客户字段
         * @description 权限：查看配置（definitions.read）
         */
        get: operations["listFields"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/identities": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 按身份找客户
         * @description 权限：查看客户（contacts.read）
         */
        get: operations["findIdentity"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/journeys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 旅程列表
         * @description 权限：查看旅程（journeys.read）
         */
        get: operations["listJourneys"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/journeys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 旅程与各步人数
         * @description 权限：查看旅程（journeys.read）
         */
        get: operations["getJourney"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/journeys/{id}/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 旅程里的人
         * @description 权限：查看旅程（journeys.read）
         */
        get: operations["listRuns"];
        put?: never;
        /**
         * 让客户进入旅程
         * @description 权限：手动进入旅程（journeys.run）
         */
        post: operations["startRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/journeys/{id}/runs/{run}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 一次旅程的经过
         * @description 权限：查看旅程（journeys.read）
         */
        get: operations["getRun"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/journeys/{id}/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 运行、暂停或停止旅程
         * @description 权限：修改配置（definitions.write）
         */
        post: operations["setJourneyStatus"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/journeys/{id}/test-run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 试走一遍，不产生任何影响
         * @description 权限：手动进入旅程（journeys.run）
         */
        post: operations["testRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** 我是谁、能做什么 */
        get: operations["getMe"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** 修改自己的密码 */
        post: operations["changeMyPassword"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 消息列表
         * @description 权限：查看消息（messages.read）
         */
        get: operations["listMessages"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/messages/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 消息、经过与原因
         * @description 权限：查看消息（messages.read）
         */
        get: operations["getMessage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/messages/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 重试消息
         * @description 权限：重试消息（messages.retry）
         */
        post: operations["retryMessage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/messages/{id}/settle": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 核对结果未知的消息
         * @description 权限：重试消息（messages.retry）
         */
        post: operations["settleMessage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/my": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** 员工：我的数字 */
        get: operations["getMyPage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/my/leads": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 员工：我的热线索与证据
         * @description 权限：查看客户（contacts.read）
         */
        get: operations["listMyLeads"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/my/shares": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 员工：可分享的页面、我的链接与效果
         * @description 权限：查看分享（shares.read）
         */
        get: operations["listMyShares"];
        put?: never;
        /**
         * 员工：生成我的分享链接
         * @description 权限：生成分享链接（shares.write）
         */
        post: operations["mintMyShare"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/my/visitors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 员工：经我的分享来的人
         * @description 权限：查看分享（shares.read）
         */
        get: operations["listMyVisitors"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/overview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 工作台：池塘概况、每天的数字、成熟的线索
         * @description 权限：查看系统状态（system.read）
         */
        get: operations["getOverview"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/pages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 公开页面与访问数
         * @description 权限：查看分享（shares.read）
         */
        get: operations["listPages"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/pages/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 公开页面
         * @description 权限：查看分享（shares.read）
         */
        get: operations["getPage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/pages/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 预览还没保存的页面
         * @description 权限：修改配置（definitions.write）
         */
        post: operations["previewPage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/scores": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 评分模型
         * @description 权限：查看配置（definitions.read）
         */
        get: operations["listScores"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/segments/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 这个条件有多少人
         * @description 权限：查看客户（contacts.read）
         */
        post: operations["previewSegment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** 登录 */
        post: operations["signIn"];
        /** 退出登录 */
        delete: operations["signOut"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/session/ways": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** 还能怎么登录 */
        get: operations["listSignInWays"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/session/wecom": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** 用企业微信登录 */
        get: operations["beginWeComSignIn"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/session/wecom/back": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** 从企业微信登录回来 */
        get: operations["endWeComSignIn"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 全部配置定义
         * @description 权限：查看配置（definitions.read）
         */
        get: operations["listSettings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/settings/apply": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 应用配置包
         * @description 权限：修改配置（definitions.write）
         */
        post: operations["applySettings"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/settings/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 导出配置包
         * @description 权限：查看配置（definitions.read）
         */
        get: operations["exportSettings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/setup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** 创建第一位管理员 */
        post: operations["setUp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/shares": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 分享与带来的人
         * @description 权限：查看分享（shares.read）
         */
        get: operations["listShares"];
        put?: never;
        /**
         * 生成分享链接
         * @description 权限：生成分享链接（shares.write）
         */
        post: operations["mintShare"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/shares/{token}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 一条分享的传播链
         * @description 权限：查看分享（shares.read）
         */
        get: operations["getShare"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/shares/credits/{id}/reverse": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 撤销一笔分享业绩
         * @description 权限：撤销分享业绩（shares.reverse）
         */
        post: operations["reverseCredit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/shares/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 按员工或页面汇总分享
         * @description 权限：查看分享（shares.read）
         */
        get: operations["sumShares"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/sms-templates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 短信模板与审核状态
         * @description 权限：查看平台账号（accounts.read）
         */
        get: operations["listSMSTemplates"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/sms-templates/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 现在向阿里云查询短信模板
         * @description 权限：管理平台账号（accounts.write）
         */
        post: operations["refreshSMSTemplates"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/staff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 员工
         * @description 权限：查看员工（staff.read）
         */
        get: operations["listStaff"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/stages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 生命周期阶段
         * @description 权限：查看配置（definitions.read）
         */
        get: operations["listStages"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 实时事件流
         * @description 按权限和数据范围过滤；每 15 秒一次心跳；断线后凭 Last-Event-ID 续传
         */
        get: operations["openStream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/system": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 系统状态
         * @description 权限：查看系统状态（system.read）
         */
        get: operations["getSystem"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/system/doctor": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 体检
         * @description 权限：查看平台账号（accounts.read）
         */
        post: operations["examine"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tags": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 标签定义
         * @description 权限：查看配置（definitions.read）
         */
        get: operations["listTags"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 用户列表
         * @description 权限：管理用户（users.manage）
         */
        get: operations["listUsers"];
        put?: never;
        /**
         * 添加用户
         * @description 权限：管理用户（users.manage）
         */
        post: operations["addUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * 用户
         * @description 权限：管理用户（users.manage）
         */
        get: operations["getUser"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * 修改用户
         * @description 权限：管理用户（users.manage）
         */
        patch: operations["changeUser"];
        trace?: never;
    };
    "/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Webhook 列表
         * @description 权限：查看平台账号（accounts.read）
         */
        get: operations["listWebhooks"];
        put?: never;
        /**
         * 添加 Webhook
         * @description 权限：管理平台账号（accounts.write）
         */
        post: operations["addWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Webhook
         * @description 权限：查看平台账号（accounts.read）
         */
        get: operations["getWebhook"];
        put?: never;
        post?: never;
        /**
         * 删除 Webhook
         * @description 权限：管理平台账号（accounts.write）
         */
        delete: operations["deleteWebhook"];
        options?: never;
        head?: never;
        /**
         * 修改 Webhook
         * @description 权限：管理平台账号（accounts.write）
         */
        patch: operations["changeWebhook"];
        trace?: never;
    };
    "/webhooks/{key}/secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 重新生成签名密钥
         * @description 权限：管理平台账号（accounts.write）
         */
        post: operations["rotateWebhookSecret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/{key}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * 现在试发一条
         * @description 权限：管理平台账号（accounts.write）
         */
        post: operations["testWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Account: {
            /** @description 短信的 AccessKey ID，中间打码 */
            access_key_id?: string;
            /** Format: int64 */
            agent_id?: number;
            app_id?: string;
            /** @description 填到平台后台的回调地址；短信的含密串，只给能管理账号的人，接 /report 收回执，接 /up 收上行 */
            callback_url?: string;
            corp_id?: string;
            /** @description 各凭据最近一次使用的结果 */
            health: components["schemas"]["Health"][];
            /** @description official/AppID，mini/AppID，wecom/CorpID/AgentID，或 sms/签名；接在 /accounts/ 后就是它的地址 */
            id: string;
            /** @description official 公众号，mini 小程序，wecom 企业微信应用，sms 阿里云短信 */
            kind: string;
            /** @description 公众号、小程序的消息加解密方式：aes compat plain */
            mode?: string;
            name: string;
            /** @description 账号不可用的原因 */
            problem?: string;
            /** @description 写在配置文件里，这里只能查看 */
            read_only: boolean;
            /**
             * Format: int64
             * @description 版本：修改时用 If-Match 带上，别人先改过就不会被覆盖；写在配置文件里的没有
             */
            rev?: number;
            /** @description 填了哪些密钥；值不返回 */
            secrets: string[];
            /** @description 短信签名 */
            sign_name?: string;
            /** Format: date-time */
            updated_at?: string;
            updated_by?: string;
        };
        AccountChange: {
            /** @description 短信 */
            access_key_id?: string;
            /** @description 短信 */
            access_key_secret?: string;
            /** @description 短信以外 */
            aes_key?: string;
            /** @description 企业微信应用 */
            agent_secret?: string;
            /** @description 公众号、小程序 */
            app_secret?: string;
            /** @description 企业微信客户联系，仅老企业需要 */
            contact_secret?: string;
            /** @description 公众号、小程序：aes compat plain */
            mode?: string;
            name?: string;
            /** @description 短信回执地址里的密串，新账号不填则自动生成 */
            receipt_token?: string;
            /** @description 短信以外 */
            token?: string;
        };
        Alarm: {
            account: string;
            channel: string;
            channel_label: string;
            /** Format: int64 */
            code?: number;
            detail: string;
            /** Format: date-time */
            first_at: string;
            kind: string;
            /** Format: date-time */
            last_at: string;
            /** Format: int64 */
            times: number;
        };
        ApplyInputBody: {
            /** @description 只检查和比较，不生效 */
            dry_run?: boolean;
            /** @description 文件名，用在错误位置里 */
            file?: string;
            /** @description 配置包（YAML） */
            text: string;
        };
        AuditLine: {
            /** @description 接口的 operationId，或命令名 */
            action: string;
            action_name: string;
            /** Format: date-time */
            at: string;
            detail: {
                [key: string]: unknown;
            };
            /** @example 12 */
            id: string;
            object?: string;
            /** @description done denied failed */
            outcome: string;
            outcome_label: string;
            /** @description 来源地址；命令行为 cli */
            place: string;
            request_id?: string;
            role?: string;
            /** Format: int64 */
            status?: number;
            /** @description user:登录名、key:密钥名、cli:系统用户；没有登录的为空 */
            who?: string;
        };
        Balance: {
            account: string;
            /** Format: date-time */
            answered_at?: string;
            /** Format: int64 */
            left: number;
            long_term: boolean;
            rejected: boolean;
            template: string;
            /**
             * Format: int64
             * @description 今天用这个模板发了几条
             */
            today: number;
        };
        Batch: {
            events: components["schemas"]["Ingested"][];
        };
        ChannelState: {
            /** Format: date-time */
            at?: string;
            channel: string;
            label: string;
            unsubscribed: boolean;
        };
        ConsentInputBody: {
            /** @description sms email wechat all：granted 为 false 即退订 */
            channel?: string;
            granted: boolean;
            ip?: string;
            /** @description privacy marketing_sms marketing_email marketing_wechat third_party personalization；与 channel 二选一 */
            purpose?: string;
            /** @description 客户在哪里、怎样表示的，如：展会签到表 */
            source: string;
            /** @description 展示给客户的文本版本 */
            version?: string;
        };
        Consents: {
            channels: components["schemas"]["ChannelState"][];
            /** @description 全部记录，新的在前；不会修改或删除 */
            history: components["schemas"]["Statement"][];
            /** @description 已保存，还在排队处理：稍后再读 */
            pending?: boolean;
            purposes: components["schemas"]["PurposeState"][];
        };
        Contact: {
            company?: string;
            /** Format: date-time */
            created_at: string;
            /** @description 本公司员工、竞品、测试：不评分、不提醒 */
            excluded: boolean;
            follows: components["schemas"]["Follow"][];
            /** @description 契合度与意向的等级，如 A1 */
            grade?: string;
            held_tags: components["schemas"]["HeldTag"][];
            /** @example 12 */
            id: string;
            identities: components["schemas"]["Identity"][];
            /** Format: date-time */
            last_active_at?: string;
            /** @description 已合并进来的客户 */
            merged_ids: string[];
            /** @description 姓名，没有则为昵称 */
            name: string;
            /** @description 改动已保存，还在排队处理：稍后再读 */
            pending?: boolean;
            /** @description 所在阶段 */
            place?: components["schemas"]["StagePlace"];
            /** @description 最近的旅程 */
            runs: components["schemas"]["Run"][];
            scores: components["schemas"]["ScoreValue"][];
            /** @description 现在的企微好友 */
            staff: components["schemas"]["StaffName"][];
            /** @description 与员工的企微好友关系，含已结束的 */
            staff_links: components["schemas"]["StaffLink"][];
            stage?: components["schemas"]["Named"];
            /** @description 各评分及其理由 */
            standings: components["schemas"]["Standing"][];
            tags: components["schemas"]["Named"][];
            title?: string;
            values: components["schemas"]["FieldValue"][];
        };
        ContactChangeInputBody: {
            /** @description 是否为本公司员工、竞品、测试 */
            excluded?: boolean;
            /** @description 为什么改，记在阶段历史里 */
            reason?: string;
            /** @description 字段 key → 改之前看到的值，null 为没有；现在的值不同则 412，什么都不改 */
            seen?: {
                [key: string]: unknown;
            };
            /** @description 手工设定旁注状态；空为取消 */
            side?: string;
            /** @description 手工设定阶段 */
            stage?: string;
            /** @description 字段 key → 新值；null 为清空 */
            values?: {
                [key: string]: unknown;
            };
        };
        ContactLine: {
            company?: string;
            /** Format: date-time */
            created_at: string;
            /** @description 本公司员工、竞品、测试：不评分、不提醒 */
            excluded: boolean;
            /** @description 契合度与意向的等级，如 A1 */
            grade?: string;
            /** @example 12 */
            id: string;
            /** Format: date-time */
            last_active_at?: string;
            /** @description 姓名，没有则为昵称 */
            name: string;
            scores: components["schemas"]["ScoreValue"][];
            /** @description 现在的企微好友 */
            staff: components["schemas"]["StaffName"][];
            stage?: components["schemas"]["Named"];
            tags: components["schemas"]["Named"][];
            title?: string;
        };
        DayCounts: {
            /** @description 事件类型 → 次数 */
            counts: {
                [key: string]: number;
            };
            day: string;
        };
        DeadLetter: {
            error: string;
            /** @example 12 */
            id: string;
            label: string;
            /** Format: date-time */
            parked_at: string;
            /** @description 停在哪一步 */
            stage: string;
            /** Format: int64 */
            tries: number;
            type?: string;
        };
        Definition: {
            edges: components["schemas"]["Edge"][];
            name: string;
            nodes: components["schemas"]["Node"][];
            note?: string;
            settings: components["schemas"]["Settings"];
            status: string;
            subject: string;
        };
        Department: {
            /** @example 12 */
            id: string;
            /** @description 是部门负责人 */
            leads?: boolean;
            name: string;
        };
        Difference: {
            change: string;
            key: string;
            kind: string;
            name?: string;
            parts?: components["schemas"]["Part"][];
        };
        DomainProof: {
            /** @description 文件内容 */
            content: string;
            /** @description 文件名，如 MP_verify_aBcD1234eFgH5678.txt */
            name: string;
            /** Format: date-time */
            updated_at?: string;
            updated_by?: string;
            /** @description 平台会来读的地址；public_url 的域名须与平台后台填写的一致 */
            url: string;
        };
        DomainProofInputBody: {
            /** @description 平台给的文件内容，不能改 */
            content: string;
            /** @description 平台给的文件名，不能改 */
            name: string;
        };
        Edge: {
            from: string;
            port?: string;
            to: string;
        };
        Edited: {
            /** @description 与保存前相比的变化；空表示没有变化 */
            changes: components["schemas"]["Difference"][];
            saved: boolean;
            /** @description 现在的内容；试算时没有 */
            setting?: components["schemas"]["Setting"];
        };
        Entry: {
            /** Format: int64 */
            days?: number;
            mode: string;
        };
        Examination: {
            /** Format: date-time */
            at: string;
            findings: components["schemas"]["Finding"][];
            /** Format: int64 */
            took_ms: number;
        };
        Exit: {
            events?: string[];
            note?: string;
            when?: unknown;
            where?: unknown;
        };
        Explanation: {
            next: string;
            what: string;
            why?: string;
        };
        Failure: {
            /** @description invalid, not_found, conflict, denied, limited, unavailable, internal */
            code: string;
            /** @description Chinese: what happened and what to do next */
            detail: string;
            /** @description Everything wrong with the request, each at its place */
            problems?: components["schemas"]["Problem"][];
            /** @description Names the request in the server's log */
            request_id?: string;
            /** Format: int64 */
            status: number;
            /** @description Chinese, the same for all failures of a status */
            title: string;
            /** @description Always about:blank: status and code say what it is */
            type: string;
        };
        Field: {
            group?: string;
            key: string;
            label: string;
            options?: components["schemas"]["Option"][];
            /** @description 每个 Koi 都有的字段 */
            standard: boolean;
            type: string;
        };
        FieldValue: {
            /** Format: date-time */
            at?: string;
            group?: string;
            key: string;
            label: string;
            /** @description 显示的文字 */
            text: string;
            type: string;
            value: unknown;
        };
        Finding: {
            /** @description 哪个账号；没有则关于整个系统 */
            account?: string;
            /** @description 看了什么 */
            check: string;
            /** @description 该怎么办；没有则不用做什么 */
            do?: string;
            /** @description ok warning bad by_hand */
            verdict: string;
            verdict_label: string;
            /** @description 看到了什么 */
            what: string;
        };
        Follow: {
            /** @description 公众号名称 */
            account: string;
            app_id: string;
            /** Format: date-time */
            followed_at?: string;
            /** Format: date-time */
            unfollowed_at?: string;
        };
        FoundIdentity: {
            contact: components["schemas"]["ContactLine"];
            /** @example 12 */
            contact_id: string;
            kind: string;
            label: string;
            scope?: string;
        };
        Gap: {
            /** Format: date-time */
            from: string;
            /** Format: int64 */
            seconds: number;
            /** Format: date-time */
            to: string;
        };
        Goal: {
            events?: string[];
            note?: string;
            when?: unknown;
            where?: unknown;
            within?: string;
        };
        Health: {
            /**
             * Format: date-time
             * @description 没有表示还没用过
             */
            checked_at?: string;
            /**
             * Format: int64
             * @description 平台错误码
             */
            code?: number;
            /** Format: date-time */
            expires_at?: string;
            ok: boolean;
            problem?: string;
            /** @description app 自身接口，contact 客户联系 */
            purpose: string;
            /**
             * Format: int64
             * @description 平台时钟减本机时钟
             */
            skew_ms?: number;
        };
        HeldTag: {
            /** Format: date-time */
            at: string;
            color?: string;
            group?: string;
            key: string;
            name: string;
            reason: string;
            source: string;
            source_label: string;
            /** Format: date-time */
            until?: string;
        };
        Hours: {
            days?: number[];
            from: string;
            to: string;
        };
        Identity: {
            /** @example 12 */
            id: string;
            kind: string;
            label: string;
            /** @description AppID、CorpID 等 */
            scope?: string;
            /** @description 手机号和邮箱只显示一部分 */
            value: string;
            verified: boolean;
        };
        Ingested: {
            /** @description 对方系统里的编号；同一编号只计一次 */
            id?: string;
            identities: components["schemas"]["IngestedIdentity"][];
            object?: components["schemas"]["IngestedObject"];
            /**
             * Format: date-time
             * @description 不填为现在
             */
            occurred_at?: string;
            /** @description 不要放手机号、邮箱等个人信息，它们放在 identities 里 */
            props?: {
                [key: string]: unknown;
            };
            type: string;
        };
        IngestedIdentity: {
            /** @enum {string} */
            kind: "openid" | "unionid" | "external_userid" | "phone" | "email" | "visitor" | "user_id";
            scope?: string;
            value: string;
        };
        IngestedObject: {
            id: string;
            type: string;
        };
        Journey: {
            counts: components["schemas"]["JourneyCounts"];
            /** @example 12 */
            id: string;
            key: string;
            name: string;
            note?: string;
            /** Format: int64 */
            rev: number;
            /** @description draft live paused stopped */
            status: string;
            status_label: string;
            /** @description contact 客户，staff 员工 */
            subject: string;
            subject_label: string;
            /** @description 触发条件的一句话说明 */
            triggers: string[];
            /** Format: date-time */
            updated_at: string;
            updated_by: string;
        };
        JourneyCounts: {
            /**
             * Format: int64
             * @description 被拦截或过期而没有发的消息；旅程的是各步之和，不含没有进入的
             */
            blocked: number;
            /**
             * Format: int64
             * @description 完成
             */
            done: number;
            /**
             * Format: int64
             * @description 进入
             */
            entered: number;
            /**
             * Format: int64
             * @description 从这里离开
             */
            exited: number;
            /**
             * Format: int64
             * @description 失败；旅程的是各步之和
             */
            failed: number;
            /**
             * Format: int64
             * @description 在途
             */
            open: number;
            /**
             * Format: int64
             * @description 触发了但没有进入：事件迟到，或进入规则不允许
             */
            refused: number;
        };
        JourneyDetail: {
            counts: components["schemas"]["JourneyCounts"];
            definition: components["schemas"]["Definition"];
            /** @example 12 */
            id: string;
            key: string;
            name: string;
            note?: string;
            /** @description 不能运行的原因 */
            problems: components["schemas"]["Problem"][];
            /** Format: int64 */
            rev: number;
            /** @description draft live paused stopped */
            status: string;
            status_label: string;
            steps: components["schemas"]["JourneyStep"][];
            /** @description contact 客户，staff 员工 */
            subject: string;
            subject_label: string;
            /** @description 触发条件的一句话说明 */
            triggers: string[];
            /** Format: date-time */
            updated_at: string;
            updated_by: string;
            /** @description 能运行，但可能达不到本意的地方 */
            warnings: components["schemas"]["Problem"][];
        };
        JourneyStatusInputBody: {
            /**
             * @description live 运行（恢复）、paused 暂停（里面的人停在原地）、stopped 停止（里面的人离开）
             * @enum {string}
             */
            status: "live" | "paused" | "stopped";
        };
        JourneyStep: {
            component?: string;
            counts: components["schemas"]["JourneyCounts"];
            /** @description 这种步骤是做什么的 */
            explain?: string;
            /** @description trigger 触发，branch 分流，action 执行 */
            group?: string;
            id: string;
            label: string;
            /** @description 配置里各项的名称 */
            members: components["schemas"]["StepMember"][];
            ports: components["schemas"]["Port"][];
            summary: string;
        };
        Key: {
            /** Format: date-time */
            created_at?: string;
            created_by?: string;
            /** @example 12 */
            id: string;
            name: string;
            /** @description 密钥的前几位，用来辨认 */
            prefix: string;
            /** Format: date-time */
            revoked_at?: string;
            role?: string;
            /** @description 这个密钥能做什么 */
            scopes: string[];
            /** @description 完整的密钥，只在创建时返回这一次 */
            secret?: string;
            /** @description 只看这位员工（或其下属）的客户 */
            staff?: components["schemas"]["StaffName"];
            /**
             * Format: date-time
             * @description 最近一次使用，精确到小时
             */
            used_at?: string;
        };
        Lead: {
            /**
             * Format: date-time
             * @description 最近一次企业微信提醒
             */
            alerted_at?: string;
            company?: string;
            /** Format: date-time */
            created_at: string;
            /** @description 本公司员工、竞品、测试：不评分、不提醒 */
            excluded: boolean;
            /** @description 契合度与意向的等级，如 A1 */
            grade?: string;
            /**
             * Format: date-time
             * @description 什么时候变热的：最近一次提醒，或进入现在的阶段
             */
            hot_at: string;
            /** @example 12 */
            id: string;
            /**
             * Format: int64
             * @description 意向分
             */
            intent: number;
            /** Format: date-time */
            last_active_at?: string;
            /** @description 姓名，没有则为昵称 */
            name: string;
            /** @description 只显示一部分；看完整的用 /contacts/{id}/reveal */
            phone?: string;
            /** @description 为什么热：还剩分最多的几条行为 */
            reasons: components["schemas"]["Reason"][];
            /** @description 最近几次加分的行为，新的在前 */
            recent: components["schemas"]["Reason"][];
            scores: components["schemas"]["ScoreValue"][];
            /** @description 现在的企微好友 */
            staff: components["schemas"]["StaffName"][];
            stage?: components["schemas"]["Named"];
            tags: components["schemas"]["Named"][];
            title?: string;
        };
        ListAccount: {
            items: components["schemas"]["Account"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListAuditLine: {
            items: components["schemas"]["AuditLine"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListContactLine: {
            items: components["schemas"]["ContactLine"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListDeadLetter: {
            items: components["schemas"]["DeadLetter"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListDomainProof: {
            items: components["schemas"]["DomainProof"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListField: {
            items: components["schemas"]["Field"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListFoundIdentity: {
            items: components["schemas"]["FoundIdentity"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListJourney: {
            items: components["schemas"]["Journey"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListKey: {
            items: components["schemas"]["Key"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListLead: {
            items: components["schemas"]["Lead"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListMessage: {
            items: components["schemas"]["Message"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListMyShare: {
            items: components["schemas"]["MyShare"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListMyVisitor: {
            items: components["schemas"]["MyVisitor"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListPublicPage: {
            items: components["schemas"]["PublicPage"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListRun: {
            items: components["schemas"]["Run"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListScore: {
            items: components["schemas"]["Score"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListSetting: {
            items: components["schemas"]["Setting"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListShareChain: {
            items: components["schemas"]["ShareChain"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListShareSum: {
            items: components["schemas"]["ShareSum"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListStaffMember: {
            items: components["schemas"]["StaffMember"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListStage: {
            items: components["schemas"]["Stage"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListTag: {
            items: components["schemas"]["Tag"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListTimelineEntry: {
            items: components["schemas"]["TimelineEntry"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListUser: {
            items: components["schemas"]["User"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        ListWebhook: {
            items: components["schemas"]["Webhook"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
        };
        MakeQRCodeRequest: {
            /** @description 场景值，如 onboarding */
            scene: string;
        };
        Me: {
            /** @description 改动时放进 X-CSRF-Token 请求头 */
            csrf_token?: string;
            key?: components["schemas"]["Key"];
            permissions: string[];
            user?: components["schemas"]["User"];
        };
        Message: {
            account: string;
            /** @description 接下来会怎样、可以怎么办 */
            advice?: string;
            /** Format: int64 */
            attempts: number;
            channel: string;
            channel_label: string;
            /** @description reply service marketing staff_alert */
            class: string;
            /**
             * Format: int64
             * @description 平台错误码
             */
            code?: number;
            /**
             * @description 发给谁；员工提醒则是关于谁
             * @example 12
             */
            contact_id?: string;
            /** @description 您看得到的客户才有 */
            contact_name?: string;
            /** Format: date-time */
            created_at: string;
            /** @description 平台怎么说 */
            detail?: string;
            /**
             * @description 并入了哪一条汇总提醒；结果与那一条相同
             * @example 12
             */
            digest_id?: string;
            /**
             * Format: date-time
             * @description 什么时候会自动处理
             */
            due_at?: string;
            /**
             * @description 由哪个事件引起
             * @example 12
             */
            event_id: string;
            /** Format: date-time */
            expires_at?: string;
            /** @example 12 */
            id: string;
            /** @example 12 */
            journey_id?: string;
            /** @description text textcard template_card */
            kind: string;
            reason?: string;
            reason_label?: string;
            /** @description 原因的一句话说明 */
            reason_note?: string;
            /** @example 12 */
            run_id?: string;
            state: string;
            state_label: string;
            step?: string;
            test?: boolean;
            /** @description OpenID、userid 或 Webhook 的 key */
            to: string;
            /** @description 员工的姓名、Webhook 的名称 */
            to_name?: string;
            /** Format: date-time */
            updated_at: string;
        };
        MessageDetail: {
            account: string;
            /** @description 接下来会怎样、可以怎么办 */
            advice?: string;
            /** Format: int64 */
            attempts: number;
            /** @description 发的是什么，个人信息已打码；验证码不返回 */
            body?: unknown;
            channel: string;
            channel_label: string;
            /** @description reply service marketing staff_alert */
            class: string;
            /**
             * Format: int64
             * @description 平台错误码
             */
            code?: number;
            /**
             * @description 发给谁；员工提醒则是关于谁
             * @example 12
             */
            contact_id?: string;
            /** @description 您看得到的客户才有 */
            contact_name?: string;
            /** Format: date-time */
            created_at: string;
            /** @description 平台怎么说 */
            detail?: string;
            /**
             * @description 并入了哪一条汇总提醒；结果与那一条相同
             * @example 12
             */
            digest_id?: string;
            /**
             * Format: date-time
             * @description 什么时候会自动处理
             */
            due_at?: string;
            /**
             * @description 由哪个事件引起
             * @example 12
             */
            event_id: string;
            /** Format: date-time */
            expires_at?: string;
            explanation: components["schemas"]["Explanation"];
            /** @example 12 */
            id: string;
            /** @example 12 */
            journey_id?: string;
            /** @description text textcard template_card */
            kind: string;
            /** @description 要求已保存，还在排队处理：稍后再读 */
            pending?: boolean;
            platform_id?: string;
            reason?: string;
            reason_label?: string;
            /** @description 原因的一句话说明 */
            reason_note?: string;
            /** @example 12 */
            run_id?: string;
            state: string;
            state_label: string;
            step?: string;
            test?: boolean;
            /** @description OpenID、userid 或 Webhook 的 key */
            to: string;
            /** @description 员工的姓名、Webhook 的名称 */
            to_name?: string;
            tries: components["schemas"]["Try"][];
            /** Format: date-time */
            updated_at: string;
        };
        MintMyShareRequest: {
            page: string;
            /** @description 自己浏览器的访客号（v_…）：从它打开自己的链接不计 */
            visitor?: string;
        };
        MyPage: {
            /**
             * Format: int64
             * @description 计入的人数：一人一页一次
             */
            counted: number;
            departments: string[];
            /**
             * Format: int64
             * @description 最长的链有几层
             */
            depth: number;
            /**
             * Format: int64
             * @description 现在的热线索，含三十天内提醒过的；没有查看客户的权限时为空
             */
            leads?: number;
            /**
             * Format: int64
             * @description 其中七天内变热的
             */
            leads_week?: number;
            /**
             * Format: int64
             * @description 其中的新访客
             */
            newcomers: number;
            /**
             * Format: int64
             * @description 全部打开，含不计的
             */
            opens: number;
            /**
             * Format: int64
             * @description 待结算
             */
            pending: number;
            position?: string;
            /**
             * Format: int64
             * @description 已撤销
             */
            reversed: number;
            /**
             * Format: int64
             * @description 已结算
             */
            settled: number;
            /** @description 没有时：登录账号没有对应的员工，请管理员在用户里补上 */
            staff?: components["schemas"]["StaffName"];
            /**
             * Format: int64
             * @description 带几个人；0 为没有下属
             */
            team: number;
        };
        MyShare: {
            /**
             * Format: int64
             * @description 计入的人数：一人一页一次
             */
            counted: number;
            /**
             * Format: int64
             * @description 最长的链有几层
             */
            depth: number;
            description?: string;
            /** @description 分享卡片的图 */
            image?: string;
            /** @description 每一级计入的人数：1 是直接打开的人 */
            levels: components["schemas"]["ShareLevel"][];
            /** @description 可以继续分享；页面停用后只剩数字 */
            live: boolean;
            /** @description 已生成过自己的链接 */
            minted: boolean;
            /**
             * Format: int64
             * @description 其中的新访客
             */
            newcomers: number;
            /**
             * Format: int64
             * @description 全部打开，含不计的
             */
            opens: number;
            page: string;
            /**
             * Format: int64
             * @description 待结算
             */
            pending: number;
            /**
             * Format: int64
             * @description 已撤销
             */
            reversed: number;
            /**
             * Format: int64
             * @description 已结算
             */
            settled: number;
            title: string;
            token: string;
            url: string;
        };
        MyVisitor: {
            /** Format: date-time */
            at: string;
            /** @description 同一个人在同一页面上总是一样，用来分清几位不知道姓名的访客 */
            code: string;
            /** @description 范围外的人没有姓名：页面显示“微信访客” */
            contact: components["schemas"]["ShareContact"];
            counted: boolean;
            /** @example 12 */
            credit_id: string;
            /**
             * Format: int64
             * @description 离自己几层
             */
            depth: number;
            /** @description 计入，或为什么不计 */
            mark_label: string;
            mark_note: string;
            newcomer: boolean;
            page: string;
            /**
             * Format: int64
             * @description 读到哪里，百分比
             */
            percent: number;
            /**
             * Format: int64
             * @description 停留秒数；0 为没有停留记录
             */
            seconds: number;
            /** @description 是本人打开的 */
            self: boolean;
            title: string;
            /** @description 谁转给他的：自己，或链上的客户 */
            via: components["schemas"]["Sharer"];
        };
        Named: {
            key: string;
            name: string;
        };
        NewAccountInputBody: {
            /** @description 短信 */
            access_key_id?: string;
            /** @description 短信 */
            access_key_secret?: string;
            /** @description 短信以外 */
            aes_key?: string;
            /**
             * Format: int64
             * @description 企业微信应用
             */
            agent_id?: number;
            /** @description 企业微信应用 */
            agent_secret?: string;
            /** @description 公众号、小程序 */
            app_id?: string;
            /** @description 公众号、小程序 */
            app_secret?: string;
            /** @description 企业微信客户联系，仅老企业需要 */
            contact_secret?: string;
            /** @description 企业微信 */
            corp_id?: string;
            /** @enum {string} */
            kind: "official" | "mini" | "wecom" | "sms";
            /** @description 公众号、小程序：aes compat plain */
            mode?: string;
            name?: string;
            /** @description 短信回执地址里的密串，新账号不填则自动生成 */
            receipt_token?: string;
            /** @description 短信签名，不带【】 */
            sign_name?: string;
            /** @description 短信以外 */
            token?: string;
        };
        NewKeyInputBody: {
            /** @description 给谁用，如 订单系统 */
            name: string;
            /** @description 按角色授权；与 scopes 二选一 */
            role?: string;
            /** @description 按权限授权，如 events.write */
            scopes?: string[];
            /** @description CorpID/userid：只看这位员工的客户；销售、主管角色的密钥要填 */
            staff?: string;
        };
        NewShare: {
            /**
             * @description 或者：发给某位客户、算他名下的链接
             * @example 12
             */
            contact?: string;
            page: string;
            /** @description 谁的链接：员工的 userid 或 CorpID/userid；不填则为登录用户所对应的员工 */
            staff?: string;
            /** @description 页面在别的网站时，它的地址；不填为本站 /p/{page} */
            url?: string;
            /** @description 员工自己的浏览器的访客号（v_…）：从它打开自己的链接不计 */
            visitor?: string;
        };
        NewUserInputBody: {
            /** @description 登录名：邮箱，或小写字母、数字、汉字 */
            login: string;
            name?: string;
            /** @description 至少 10 个字符；请对方登录后自己修改 */
            password: string;
            /** @description admin marketer analyst leader sales employee */
            role: string;
            /** @description 对应的员工，CorpID/userid；销售和主管没有它就看不到客户 */
            staff?: string;
        };
        NewWebhookInputBody: {
            /** @description 不变的英文名，如 erp；旅程里用它 */
            key: string;
            name?: string;
            note?: string;
            off?: boolean;
            /** @description https:// 或 http:// 开头的公网地址 */
            url?: string;
        };
        Node: {
            component: string;
            config?: unknown;
            id: string;
            note?: string;
            on_error?: string;
            /** Format: int64 */
            x?: number;
            /** Format: int64 */
            y?: number;
        };
        Option: {
            key: string;
            label: string;
        };
        Overview: {
            /** Format: date-time */
            at: string;
            /** @description 最近 30 天，每天各类事件多少次；旧的在前 */
            days: components["schemas"]["DayCounts"][];
            /**
             * Format: int64
             * @description 正在旅程里的人次
             */
            inside: number;
            /**
             * Format: int64
             * @description 池塘里有多少人
             */
            people: number;
            /** @description 最近的动态，新的在前 */
            recent: components["schemas"]["TimelineEntry"][];
            /** @description 最近成熟的线索，新的在前 */
            ripe: components["schemas"]["Ripe"][];
            /** @description 成熟线索的阶段名称 */
            ripe_name?: string;
            /** @description 各阶段多少人 */
            stages: components["schemas"]["StageCount"][];
            /** @description 业务日期 */
            today: string;
        };
        PageDefinition: {
            /** @description 定义 */
            body: unknown;
            description?: string;
            has_form: boolean;
            /** @description 分享卡片的图 */
            image?: string;
            /** @description 网址是 /p/{key}；修改用 PUT /definitions/page/{key} */
            key: string;
            kind?: string;
            /**
             * Format: date-time
             * @description 最近一次有人打开或提交
             */
            last_at?: string;
            name: string;
            note?: string;
            /** Format: int64 */
            rev: number;
            /** @description draft 草稿 live 已发布 */
            status: string;
            status_label: string;
            /**
             * Format: int64
             * @description 表单提交次数
             */
            submits: number;
            theme?: string;
            title: string;
            url: string;
            /**
             * Format: int64
             * @description 打开次数（PV）
             */
            views: number;
            /**
             * Format: int64
             * @description 打开的人数（UV）
             */
            visitors: number;
        };
        PagePreview: {
            /** @description 放进 sandbox 的 iframe（srcdoc）；没有脚本，表单不能提交 */
            html?: string;
            /** @description 有问题时没有 html */
            problems: components["schemas"]["PageProblem"][];
        };
        PageProblem: {
            message: string;
            /** @description 如 blocks[2].props.title */
            path: string;
        };
        Part: {
            new?: string;
            old?: string;
            path: string;
        };
        PasswordInputBody: {
            old_password: string;
            /** @description 至少 10 个字符 */
            password: string;
        };
        PathStep: {
            /** Format: date-time */
            at: string;
            /** @example 12 */
            event?: string;
            node?: string;
            node_label?: string;
            text: string;
            type?: string;
        };
        Pause: {
            account: string;
            channel: string;
            channel_label: string;
            /** Format: int64 */
            code?: number;
            detail: string;
            /** Format: date-time */
            until: string;
        };
        PeopleCount: {
            /** Format: int64 */
            count: number;
            /** @description 还有更多，没有数下去 */
            more?: boolean;
        };
        Port: {
            key: string;
            label: string;
            optional?: boolean;
        };
        Preview: {
            /** Format: int64 */
            count: number;
            /** @description 超过 10 万人，没有数完 */
            more?: boolean;
            /** @description 其中最新的几位 */
            samples: components["schemas"]["ContactLine"][];
            /** @description 条件的一句话说明 */
            text: string;
        };
        PreviewInputBody: {
            /** @description 条件树 */
            rule: unknown;
        };
        PreviewPageRequest: {
            /** @description 页面的定义 */
            body: {
                [key: string]: unknown;
            };
            key?: string;
        };
        Problem: {
            message: string;
            path: string;
        };
        PublicPage: {
            description?: string;
            has_form: boolean;
            /** @description 分享卡片的图 */
            image?: string;
            /** @description 网址是 /p/{key}；修改用 PUT /definitions/page/{key} */
            key: string;
            kind?: string;
            /**
             * Format: date-time
             * @description 最近一次有人打开或提交
             */
            last_at?: string;
            name: string;
            note?: string;
            /** Format: int64 */
            rev: number;
            /** @description draft 草稿 live 已发布 */
            status: string;
            status_label: string;
            /**
             * Format: int64
             * @description 表单提交次数
             */
            submits: number;
            theme?: string;
            title: string;
            url: string;
            /**
             * Format: int64
             * @description 打开次数（PV）
             */
            views: number;
            /**
             * Format: int64
             * @description 打开的人数（UV）
             */
            visitors: number;
        };
        PurposeState: {
            /** Format: date-time */
            at?: string;
            label: string;
            purpose: string;
            /** @description granted 同意、withdrawn 不同意或已撤回、none 没有表示过 */
            state: string;
        };
        QRCode: {
            /** Format: date-time */
            expires_at: string;
            /** @description 扫码关注、扫码事件带着它 */
            scene: string;
            /** @description 画成二维码的内容 */
            url: string;
        };
        Quota: {
            account: string;
            channel: string;
            /** Format: int64 */
            day: number;
            /**
             * Format: int64
             * @description 0 为不限
             */
            day_limit: number;
            /** Format: int64 */
            month: number;
            /**
             * Format: int64
             * @description 0 为不限
             */
            month_limit: number;
        };
        Reach: {
            /** Format: date-time */
            at: string;
            /** @description 订阅消息余额，按模板 */
            balances: components["schemas"]["Balance"][];
            /** @description 各账号今天、本月已发与上限 */
            quotas: components["schemas"]["Quota"][];
            /** @description 营销触达次数 */
            touches: components["schemas"]["Touches"];
            ways: components["schemas"]["Way"][];
            /** @description 客服消息窗口：公众号和小程序 */
            windows: components["schemas"]["Window"][];
        };
        Reason: {
            /** @description 对什么做的，给人看 */
            about?: string;
            /** Format: date-time */
            at?: string;
            /** @example 12 */
            event?: string;
            label?: string;
            /**
             * Format: double
             * @description 衰减后还剩多少
             */
            now: number;
            object?: string;
            /** Format: double */
            points: number;
            rule?: string;
            text: string;
            type?: string;
        };
        Receipt: {
            /**
             * Format: int64
             * @description 已持久保存的事件数
             */
            accepted: number;
            /**
             * Format: int64
             * @description 其中最近已经收到过、不会再计的
             */
            repeats: number;
        };
        Report: {
            applied: boolean;
            differences: components["schemas"]["Difference"][];
            /** Format: int64 */
            same: number;
            warnings?: components["schemas"]["Problem"][];
        };
        Revealed: {
            field: string;
            /** @description 第一个 */
            value: string;
            values: components["schemas"]["RevealedValue"][];
        };
        RevealedValue: {
            /** @example 12 */
            identity_id: string;
            value: string;
            verified: boolean;
        };
        RevealInputBody: {
            /** @enum {string} */
            field: "phone" | "email";
            /** @description 为什么要看，记入审计日志，如 回访报价 */
            reason: string;
        };
        ReverseCreditRequest: {
            /** @description 为什么撤销，会给当事员工看 */
            reason: string;
        };
        Ripe: {
            /** Format: date-time */
            at: string;
            company?: string;
            /** Format: date-time */
            created_at: string;
            /** @description 本公司员工、竞品、测试：不评分、不提醒 */
            excluded: boolean;
            /** @description 契合度与意向的等级，如 A1 */
            grade?: string;
            /** @example 12 */
            id: string;
            /** Format: date-time */
            last_active_at?: string;
            /** @description 姓名，没有则为昵称 */
            name: string;
            scores: components["schemas"]["ScoreValue"][];
            /** @description 现在的企微好友 */
            staff: components["schemas"]["StaffName"][];
            stage?: components["schemas"]["Named"];
            tags: components["schemas"]["Named"][];
            title?: string;
        };
        RuleTrace: {
            key: string;
            name: string;
            /** @description 规则的一句话说明 */
            text: string;
            /** @description 没有时表示除事件外不看别的条件 */
            trace?: components["schemas"]["Trace"];
        };
        Run: {
            /** Format: date-time */
            arrived_at: string;
            /** @example 12 */
            contact_id?: string;
            /** @description 只在旅程里的人的列表里有 */
            contact_name?: string;
            /** Format: date-time */
            due_at?: string;
            /** Format: date-time */
            ended_at?: string;
            /** Format: date-time */
            entered_at: string;
            /**
             * @description 由哪个事件进入
             * @example 12
             */
            event_id: string;
            /** @example 12 */
            id: string;
            /** @description 旅程名称 */
            journey: string;
            /** @example 12 */
            journey_id: string;
            node: string;
            node_label: string;
            reason?: string;
            /** Format: int64 */
            rev: number;
            /** @description 员工旅程：corpid/userid */
            staff?: string;
            /** @description open finished exited failed merged */
            status: string;
            status_label: string;
        };
        RunDetail: {
            /** Format: date-time */
            arrived_at: string;
            /** @example 12 */
            contact_id?: string;
            /** @description 只在旅程里的人的列表里有 */
            contact_name?: string;
            /** Format: date-time */
            due_at?: string;
            /** Format: date-time */
            ended_at?: string;
            /** Format: date-time */
            entered_at: string;
            /**
             * @description 由哪个事件进入
             * @example 12
             */
            event_id: string;
            /** @example 12 */
            id: string;
            /** @description 旅程名称 */
            journey: string;
            /** @example 12 */
            journey_id: string;
            node: string;
            node_label: string;
            path: components["schemas"]["PathStep"][];
            reason?: string;
            /** Format: int64 */
            rev: number;
            /** @description 员工旅程：corpid/userid */
            staff?: string;
            /** @description open finished exited failed merged */
            status: string;
            status_label: string;
        };
        Score: {
            /** Format: int32 */
            half_life_days?: number;
            /** @example 12 */
            id: string;
            key: string;
            kind: string;
            kind_label: string;
            /** Format: int64 */
            max?: number;
            name: string;
            note?: string;
            rules: components["schemas"]["ScoreRule"][];
        };
        ScoreRule: {
            key: string;
            name: string;
            off?: boolean;
            /** Format: double */
            points: number;
            /** @description 规则的一句话说明 */
            text: string;
        };
        ScoreValue: {
            key: string;
            name: string;
            /** Format: int64 */
            points: number;
        };
        SearchInputBody: {
            q?: string;
            /** @description 条件树，与人群、旅程的条件同一写法，如 {"leaf":"tag","op":"any","value":["vip"]} */
            rule?: unknown;
            staff?: string;
            stage?: string;
            tag?: string;
        };
        Setting: {
            body: unknown;
            /** @example 12 */
            id: string;
            key: string;
            kind: string;
            kind_label: string;
            /** Format: int64 */
            rev: number;
            /** Format: date-time */
            updated_at: string;
            updated_by: string;
        };
        Settings: {
            entry: components["schemas"]["Entry"];
            exit?: components["schemas"]["Exit"][];
            freshness?: string;
            goal?: components["schemas"]["Goal"];
            hours?: components["schemas"]["Hours"];
            /** Format: int64 */
            priority?: number;
            timezone?: string;
        };
        Settled: {
            /** @description 重试已处理完；若又失败，会成为一条新的死信 */
            applied: boolean;
            /** @example 12 */
            id: string;
        };
        SettleInputBody: {
            /**
             * @description sent：核对过，对方已收到；not_sent：对方没有收到，之后可以重试
             * @enum {string}
             */
            outcome: "sent" | "not_sent";
        };
        SetUpInputBody: {
            /** @description 登录名：邮箱，或小写字母、数字、汉字 */
            login: string;
            /** @description 显示的姓名 */
            name?: string;
            /** @description 至少 10 个字符 */
            password: string;
            /** @description 链接 # 后面的一串 */
            token: string;
        };
        ShareChain: {
            /**
             * Format: int64
             * @description 计入的人数：一人一页一次
             */
            counted: number;
            /** Format: date-time */
            created_at: string;
            /**
             * Format: int64
             * @description 最长的链有几层
             */
            depth: number;
            /** @example 12 */
            id: string;
            /** @description 专门生成的分享链接 */
            minted: boolean;
            /**
             * Format: int64
             * @description 其中的新访客
             */
            newcomers: number;
            /**
             * Format: int64
             * @description 全部打开，含不计的
             */
            opens: number;
            page: string;
            /**
             * Format: int64
             * @description 待结算
             */
            pending: number;
            /**
             * Format: int64
             * @description 已撤销
             */
            reversed: number;
            /**
             * Format: int64
             * @description 已结算
             */
            settled: number;
            /** @description 第一个分享的人 */
            sharer: components["schemas"]["Sharer"];
            /** @description 接在 /shares/ 后就是它的树 */
            token: string;
        };
        ShareContact: {
            /** @description 不在您的客户范围内 */
            hidden?: boolean;
            /** @example 12 */
            id?: string;
            /** @description 姓名，没有则为昵称；匿名访客为空 */
            name: string;
        };
        ShareLevel: {
            /** Format: int64 */
            depth: number;
            /** Format: int64 */
            people: number;
        };
        ShareLink: {
            page: string;
            /** @description 已保存，还在排队登记：链接现在就可以用 */
            pending?: boolean;
            sharer: components["schemas"]["Sharer"];
            /** @description 短链，适合短信和印刷；只有本站的页面有 */
            short_url?: string;
            token: string;
            url: string;
        };
        ShareNode: {
            /** Format: date-time */
            at: string;
            children: components["schemas"]["ShareNode"][];
            contact: components["schemas"]["ShareContact"];
            counted: boolean;
            /** @description fresh waiting pending settled none reversed */
            credit: string;
            /** @example 12 */
            credit_id: string;
            credit_label: string;
            /**
             * Format: int64
             * @description 离第一个分享的人几层
             */
            depth: number;
            /** @description 为什么不计：unknown self staff bot loop duplicate burst */
            mark?: string;
            mark_label: string;
            mark_note: string;
            /** @description 以前没有人认识他 */
            newcomer: boolean;
            /** @description 要求已保存，还在排队处理：稍后再读 */
            queued?: boolean;
            /** @description 撤销的原因 */
            reason?: string;
            /** @description 链的源头员工 */
            root?: components["schemas"]["StaffName"];
            /**
             * Format: date-time
             * @description 什么时候结算
             */
            settles_at?: string;
            /** @description 他自己的分享标记 */
            token: string;
        };
        Sharer: {
            contact?: components["schemas"]["ShareContact"];
            staff?: components["schemas"]["StaffName"];
        };
        ShareSum: {
            /**
             * Format: int64
             * @description 计入的人数：一人一页一次
             */
            counted: number;
            /**
             * Format: int64
             * @description 最长的链有几层
             */
            depth: number;
            /**
             * Format: int64
             * @description 其中的新访客
             */
            newcomers: number;
            /**
             * Format: int64
             * @description 全部打开，含不计的
             */
            opens: number;
            page?: string;
            /**
             * Format: int64
             * @description 待结算
             */
            pending: number;
            /**
             * Format: int64
             * @description 已撤销
             */
            reversed: number;
            /**
             * Format: int64
             * @description 已结算
             */
            settled: number;
            staff?: components["schemas"]["StaffName"];
        };
        ShareTree: {
            children: components["schemas"]["ShareNode"][];
            page: string;
            /** @description 从源头到这个标记的主人 */
            path: components["schemas"]["Sharer"][];
            sharer: components["schemas"]["Sharer"];
            token: string;
            /** @description 太大，只给出前面一部分；可对下级的 token 再取 */
            truncated?: boolean;
            url: string;
        };
        SignInInputBody: {
            login: string;
            password: string;
        };
        SignInWay: {
            /** @description CorpID/AgentID */
            app: string;
            name: string;
        };
        SignInWays: {
            /** @description 授权页在任何浏览器里都能打开（接的是模拟器）；为否时只能在企业微信里打开 */
            anywhere: boolean;
            /** @description 可以用企业微信登录的应用：打开 /api/v1/session/wecom?app=…&to=… */
            wecom: components["schemas"]["SignInWay"][];
        };
        SMSTemplate: {
            /** @description 短信签名 */
            account: string;
            /** @description 模板 CODE */
            code: string;
            content: string;
            /** @description code 验证码，notice 通知，marketing 推广，other 其他 */
            kind: string;
            kind_name: string;
            name: string;
            /** @description 现在为什么不能用 */
            problem?: string;
            /** @description 审核没有通过的原因 */
            reason?: string;
            /**
             * Format: date-time
             * @description 阿里云什么时候这样说的
             */
            seen_at: string;
            /** @description reviewing approved rejected cancelled */
            state: string;
            state_name: string;
            /** @description 内容里的变量，每个 1 到 35 个字 */
            variables: string[];
        };
        SMSTemplateReview: {
            /** @description 短信签名 */
            account: string;
            /** @description 最近一次为什么没有查到 */
            problem?: string;
            /**
             * Format: date-time
             * @description 最近一次查到；没有表示还不知道任何模板，发送时由阿里云判断
             */
            seen_at?: string;
            /**
             * Format: date-time
             * @description 最近一次向阿里云查询
             */
            tried_at?: string;
        };
        SMSTemplates: {
            items: components["schemas"]["SMSTemplate"][];
            /** @description 下一页的 cursor；空表示没有了 */
            next: string;
            reviews: components["schemas"]["SMSTemplateReview"][];
        };
        StaffLink: {
            /** Format: date-time */
            added_at?: string;
            corp_id: string;
            name: string;
            /** Format: date-time */
            removed_at?: string;
            /** @description staff、customer，或空：对账时才发现，不知是谁解除的 */
            removed_by?: string;
            /** @description 渠道码 */
            state?: string;
            user_id: string;
        };
        StaffMember: {
            corp_id: string;
            departments: components["schemas"]["Department"][];
            /** @description 直接上级；没有则为部门负责人 */
            leaders: components["schemas"]["StaffName"][];
            name: string;
            position?: string;
            user_id: string;
        };
        StaffName: {
            corp_id: string;
            name: string;
            user_id: string;
        };
        Stage: {
            /** @description 进入条件的一句话说明 */
            condition: string;
            /** @example 12 */
            id: string;
            key: string;
            /** @description 只能手工进入 */
            manual?: boolean;
            name: string;
            note?: string;
            /** Format: int64 */
            order: number;
            /** @description 旁注状态，不覆盖阶段 */
            side?: boolean;
        };
        StageCount: {
            key: string;
            name: string;
            /** Format: int64 */
            people: number;
        };
        StagePlace: {
            /** Format: date-time */
            at?: string;
            key: string;
            name: string;
            /** @description 沉默、流失、无效等旁注状态 */
            side?: components["schemas"]["Named"];
            steps: components["schemas"]["StageStep"][];
        };
        StageStep: {
            /** Format: date-time */
            at: string;
            because?: string[];
            by?: string;
            by_label?: string;
            /** @example 12 */
            event: string;
            from?: string;
            reason?: string;
            side?: boolean;
            to?: string;
            who?: string;
        };
        Standing: {
            key: string;
            /** Format: int64 */
            max?: number;
            name: string;
            /** Format: int64 */
            points: number;
            /**
             * Format: double
             * @description 更早的行为还剩的分
             */
            rest?: number;
            steps: components["schemas"]["Reason"][];
        };
        Started: {
            /** @description 已保存，还在排队处理：稍后看旅程里的人 */
            pending?: boolean;
            run?: components["schemas"]["Run"];
        };
        StartInputBody: {
            /** @example 12 */
            contact_id: string;
        };
        Statement: {
            /** Format: date-time */
            at: string;
            /** @description 由谁补记 */
            by?: string;
            channel?: string;
            /** @example 12 */
            event_id: string;
            /** @description 对渠道：false 为退订，true 为恢复 */
            granted: boolean;
            ip?: string;
            label: string;
            purpose?: string;
            /** @description 从哪里表示的 */
            source: string;
            /** @description 从哪里表示的，给人看 */
            source_label: string;
            /** @description 当时展示的文本版本 */
            version?: string;
        };
        StepMember: {
            /** @description 值是什么：duration、events、template… */
            editor: string;
            key: string;
            label: string;
        };
        System: {
            /** @description 需要处理的发送问题 */
            alarms: components["schemas"]["Alarm"][];
            /** @description sqlite 或 mysql */
            database: string;
            /**
             * Format: int64
             * @description 等人处理的死信，最多数到 200
             */
            dead_letters: number;
            /** @description 最近 30 天没有服务的时段：期间平台的回调只重试 15 秒，可能已丢失 */
            gaps: components["schemas"]["Gap"][];
            /**
             * Format: double
             * @description 最早的未处理事件等了多久
             */
            lag_seconds: number;
            /** @description 因平台额度用完而暂停的接口 */
            pauses: components["schemas"]["Pause"][];
            /**
             * Format: date-time
             * @description 业务时间
             */
            time: string;
            version: string;
        };
        Tag: {
            color?: string;
            /**
             * Format: int64
             * @description 有效天数；没有为永久
             */
            expires_days?: number;
            group?: string;
            /** @example 12 */
            id: string;
            key: string;
            kind: string;
            kind_label: string;
            name: string;
            note?: string;
        };
        TagInputBody: {
            /** @description 要打的标签 key */
            add?: string[];
            /** @description 要去掉的标签 key */
            remove?: string[];
        };
        TestMessage: {
            account: string;
            body: unknown;
            channel: string;
            channel_label: string;
            kind: string;
            to: string;
        };
        TestRun: {
            ended: string;
            problems: components["schemas"]["Problem"][];
            /** @description 现在真的触发会被拒绝的原因；试走照常进行 */
            refused?: string;
            steps: components["schemas"]["TestStep"][];
            /** @description 用哪类事件触发的 */
            trigger: string;
        };
        TestRunInputBody: {
            /** @description 等待事件的步骤 → 从哪个口出去；不填为超时 */
            choose?: {
                [key: string]: string;
            };
            /** @example 12 */
            contact_id: string;
            /**
             * Format: int64
             * @description 试旧版本或草稿；不填为现行版本
             */
            rev?: number;
            /** @description 从哪个触发步骤开始；不填为第一个 */
            trigger?: string;
        };
        TestStep: {
            /** Format: date-time */
            at: string;
            failed?: boolean;
            messages?: components["schemas"]["TestMessage"][];
            node: string;
            node_label: string;
            port?: string;
            summary: string;
            trace?: components["schemas"]["Trace"];
            /** Format: date-time */
            wait_until?: string;
            why?: string;
        };
        TimelineEntry: {
            account?: string;
            /** Format: date-time */
            at: string;
            /**
             * @description 事件记在谁名下；合并过的客户会有几个
             * @example 12
             */
            contact_id: string;
            /** @description 工作台和实时流里有 */
            contact_name?: string;
            /** @example 12 */
            id: string;
            /** @example 12 */
            identity_id?: string;
            label: string;
            /** @description 这类事件的一句话说明 */
            note: string;
            object_id?: string;
            object_type?: string;
            props: {
                [key: string]: unknown;
            };
            /** Format: date-time */
            received_at: string;
            share?: string;
            staff?: components["schemas"]["StaffName"];
            /** @description 这一次值得说的：说了什么、哪个标签、为什么被拦截；可能为空 */
            text: string;
            type: string;
        };
        Touches: {
            /** Format: int64 */
            day: number;
            /** Format: int64 */
            day_limit: number;
            /** Format: int64 */
            month: number;
            /** Format: int64 */
            month_limit: number;
            /** Format: int64 */
            week: number;
            /** Format: int64 */
            week_limit: number;
        };
        Trace: {
            kids?: components["schemas"]["Trace"][];
            ok: boolean;
            text: string;
        };
        Try: {
            /** Format: date-time */
            at: string;
            /** Format: int64 */
            code?: number;
            detail?: string;
            /** Format: date-time */
            ended_at?: string;
            /** Format: int64 */
            number: number;
            status?: string;
        };
        User: {
            /** Format: date-time */
            created_at: string;
            disabled: boolean;
            /** @example 12 */
            id: string;
            login: string;
            name: string;
            /**
             * Format: int64
             * @description 版本：修改时用 If-Match 带上，别人先改过就不会被覆盖
             */
            rev: number;
            role: string;
            role_label: string;
            /** Format: date-time */
            signed_in_at?: string;
            /** @description 对应的员工：销售看自己的客户，主管看下属的客户 */
            staff?: components["schemas"]["StaffName"];
        };
        UserChangeInputBody: {
            disabled?: boolean;
            name?: string;
            password?: string;
            role?: string;
            /** @description CorpID/userid；空为不再对应任何员工 */
            staff?: string;
        };
        Verdict: {
            next: string;
            open: boolean;
            reason?: string;
            reason_label?: string;
            /**
             * Format: date-time
             * @description 什么时候会自动恢复
             */
            until?: string;
            what: string;
        };
        Way: {
            account: string;
            account_name?: string;
            channel: string;
            channel_label: string;
            /** @description 营销消息现在能不能发 */
            marketing: components["schemas"]["Verdict"];
            /** @description 服务通知现在能不能发 */
            service: components["schemas"]["Verdict"];
            /** @description 订阅类渠道：哪个模板 */
            template?: string;
        };
        Webhook: {
            key: string;
            name: string;
            note?: string;
            /** @description 已停用：不再发送 */
            off: boolean;
            /** Format: int64 */
            rev: number;
            /** @description 签名密钥，只在创建和重新生成时返回这一次 */
            secret?: string;
            /** @description 签名密钥在服务器的这个文件里；没有则由 Koi 加密保存 */
            secret_file?: string;
            /** Format: date-time */
            updated_at: string;
            updated_by: string;
            /** @description 没有管理权限时，? 后面的值不显示：里面可能有密钥 */
            url: string;
        };
        WebhookChange: {
            name?: string;
            note?: string;
            off?: boolean;
            /** @description https:// 或 http:// 开头的公网地址 */
            url?: string;
        };
        WebhookTrial: {
            /** @description 发生了什么、该怎么办 */
            detail: string;
            /** @description 对方回答了 2xx */
            ok: boolean;
            /**
             * Format: int64
             * @description 对方回答的 HTTP 状态码；没有表示没有回答，或是 2xx
             */
            status?: number;
            /** Format: int64 */
            took_ms: number;
        };
        Why: {
            /** @description tag score stage message journey */
            about: string;
            /** @description 引起它的事件 */
            cause?: components["schemas"]["TimelineEntry"];
            message?: components["schemas"]["MessageDetail"];
            /** @description 有这个标签、到了这个阶段、消息已发出、进过这个旅程…… */
            ok: boolean;
            /** @description 相关规则此刻对这个人的判断，逐条 */
            rules?: components["schemas"]["RuleTrace"][];
            runs?: components["schemas"]["Run"][];
            score?: components["schemas"]["Standing"];
            stage?: components["schemas"]["StagePlace"];
            subject: components["schemas"]["Named"];
            /** @description 一句话的回答 */
            text: string;
        };
        Window: {
            account: string;
            account_name?: string;
            /** Format: date-time */
            closed_at?: string;
            /**
             * Format: int64
             * @description 还能发几条
             */
            left: number;
            /** Format: int64 */
            seconds_left: number;
            /** Format: date-time */
            until?: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listAccounts: {
        parameters: {
            query?: {
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListAccount"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    addAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewAccountInputBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    getMiniAccount: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    deleteMiniAccount: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    changeMiniAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description 您看到的版本，GET 返回的 ETag，如 "3"；与现行版本不同则 412 */
                "If-Match"?: string;
                /** @description 新建时写 *：已经有了则 412 */
                "If-None-Match"?: string;
            };
            path: {
                app_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AccountChange"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    checkMiniAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path: {
                app_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    getOfficialAccount: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    deleteOfficialAccount: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    changeOfficialAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description 您看到的版本，GET 返回的 ETag，如 "3"；与现行版本不同则 412 */
                "If-Match"?: string;
                /** @description 新建时写 *：已经有了则 412 */
                "If-None-Match"?: string;
            };
            path: {
                app_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AccountChange"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    checkOfficialAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path: {
                app_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    makeQRCode: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path: {
                app_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MakeQRCodeRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QRCode"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    getSMSAccount: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                sign_name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    deleteSMSAccount: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                sign_name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    changeSMSAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description 您看到的版本，GET 返回的 ETag，如 "3"；与现行版本不同则 412 */
                "If-Match"?: string;
                /** @description 新建时写 *：已经有了则 412 */
                "If-None-Match"?: string;
            };
            path: {
                sign_name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AccountChange"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    checkSMSAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path: {
                sign_name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    getWeComAccount: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                agent_id: number;
                corp_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    deleteWeComAccount: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                agent_id: number;
                corp_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    changeWeComAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description 您看到的版本，GET 返回的 ETag，如 "3"；与现行版本不同则 412 */
                "If-Match"?: string;
                /** @description 新建时写 *：已经有了则 412 */
                "If-None-Match"?: string;
            };
            path: {
                agent_id: number;
                corp_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AccountChange"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    checkWeComAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path: {
                agent_id: number;
                corp_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listKeys: {
        parameters: {
            query?: {
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListKey"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    addKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewKeyInputBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Key"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    revokeKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listAudit: {
        parameters: {
            query?: {
                /** @description 如 revealContact */
                action?: string;
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                from?: string;
                /** @description 每页条数 */
                limit?: number;
                /** @description 如 contacts/12 */
                object?: string;
                to?: string;
                /** @description 如 user:anna */
                who?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListAuditLine"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listContacts: {
        parameters: {
            query?: {
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
                /** @description 0 为不限 */
                max_score?: number;
                min_score?: number;
                /** @description 姓名、昵称、公司的一部分；或完整的手机号、邮箱 */
                q?: string;
                /** @description 评分模型的 key，与 min_score、max_score 一起用 */
                score?: string;
                /** @description 评分模型的 key：分高的在前；不填为新的在前 */
                sort?: string;
                /** @description 企微好友员工的 userid */
                staff?: string;
                /** @description 阶段的 key */
                stage?: string;
                /** @description 标签的 key */
                tag?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListContactLine"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    getContact: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Contact"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    changeContact: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ContactChangeInputBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Contact"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    getConsents: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Consents"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    stateConsent: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConsentInputBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Consents"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    getReach: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Reach"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    revealContact: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RevealInputBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Revealed"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    tagContact: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TagInputBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Contact"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listContactTimeline: {
        parameters: {
            query?: {
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
                /** @description 只看这些事件，逗号分隔，如 oa.followed,tag.added */
                type?: string[];
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListTimelineEntry"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    explainContact: {
        parameters: {
            query?: {
                /** @description 旅程编号 */
                journey?: string;
                /** @description 消息编号 */
                message?: string;
                /** @description 评分模型的 key */
                score?: string;
                /** @description 阶段或旁注状态的 key */
                stage?: string;
                /** @description 标签的 key */
                tag?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Why"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    countContacts: {
        parameters: {
            query?: {
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
                /** @description 0 为不限 */
                max_score?: number;
                min_score?: number;
                /** @description 姓名、昵称、公司的一部分；或完整的手机号、邮箱 */
                q?: string;
                /** @description 评分模型的 key，与 min_score、max_score 一起用 */
                score?: string;
                /** @description 评分模型的 key：分高的在前；不填为新的在前 */
                sort?: string;
                /** @description 企微好友员工的 userid */
                staff?: string;
                /** @description 阶段的 key */
                stage?: string;
                /** @description 标签的 key */
                tag?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PeopleCount"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    searchContacts: {
        parameters: {
            query?: {
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
            };
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SearchInputBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListContactLine"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listDeadLetters: {
        parameters: {
            query?: {
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListDeadLetter"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    discardDeadLetter: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Settled"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    retryDeadLetter: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Settled"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    getDefinition: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description 员工写成 CorpID:userid */
                key: string;
                /** @description 如 tag、score、journey，见 GET /settings */
                kind: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Setting"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    putDefinition: {
        parameters: {
            query?: {
                /** @description 只检查和比较，不保存 */
                dry_run?: boolean;
            };
            header?: {
                /** @description 您看到的版本，GET 返回的 ETag，如 "3"；与现行版本不同则 412 */
                "If-Match"?: string;
                /** @description 新建时写 *：已经有了则 412 */
                "If-None-Match"?: string;
            };
            path: {
                /** @description 员工写成 CorpID:userid */
                key: string;
                /** @description 如 tag、score、journey，见 GET /settings */
                kind: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": unknown;
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Edited"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    deleteDefinition: {
        parameters: {
            query?: never;
            header?: {
                /** @description 您看到的版本，GET 返回的 ETag，如 "3"；与现行版本不同则 412 */
                "If-Match"?: string;
                /** @description 新建时写 *：已经有了则 412 */
                "If-None-Match"?: string;
            };
            path: {
                /** @description 员工写成 CorpID:userid */
                key: string;
                /** @description 如 tag、score、journey，见 GET /settings */
                kind: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listDomainProofs: {
        parameters: {
            query?: {
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListDomainProof"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    putDomainProof: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DomainProofInputBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DomainProof"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    deleteDomainProof: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    ingestEvents: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Ingested"] | components["schemas"]["Batch"];
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Receipt"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listFields: {
        parameters: {
            query?: {
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListField"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    findIdentity: {
        parameters: {
            query: {
                kind: "openid" | "unionid" | "external_userid" | "phone" | "email" | "visitor" | "user_id";
                /** @description openid 填 AppID，external_userid 填 CorpID，visitor 与 user_id 填所属系统；其余不填 */
                scope?: string;
                value: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListFoundIdentity"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listJourneys: {
        parameters: {
            query?: {
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListJourney"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    getJourney: {
        parameters: {
            query?: {
                /** @description 看旧版本；不填为现行版本 */
                rev?: number;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JourneyDetail"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listRuns: {
        parameters: {
            query?: {
                contact?: string;
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
                /** @description 停在或结束在这一步的 */
                node?: string;
                /** @description open finished exited failed merged */
                status?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListRun"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    startRun: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["StartInputBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Started"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    getRun: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunDetail"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    setJourneyStatus: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
                /** @description 您看到的版本，GET 返回的 ETag，如 "3"；与现行版本不同则 412 */
                "If-Match"?: string;
                /** @description 新建时写 *：已经有了则 412 */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JourneyStatusInputBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Journey"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    testRun: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TestRunInputBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TestRun"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    getMe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    changeMyPassword: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordInputBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listMessages: {
        parameters: {
            query?: {
                /** @description AppID、CorpID/AgentID、短信签名，或 Webhook 的 key */
                account?: string;
                channel?: string;
                contact?: string;
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                journey?: string;
                /** @description 每页条数 */
                limit?: number;
                /** @description waiting sending sent delivered failed suppressed unknown expired */
                state?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListMessage"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    getMessage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MessageDetail"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    retryMessage: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MessageDetail"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    settleMessage: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SettleInputBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MessageDetail"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    getMyPage: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MyPage"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listMyLeads: {
        parameters: {
            query?: {
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
                /** @description 自己的，或主管看自己与下属的 */
                whose?: "mine" | "team";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListLead"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listMyShares: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListMyShare"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    mintMyShare: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: {
                /** @description 访客号：公开页面认浏览器用的 */
                koi_v?: string;
            };
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MintMyShareRequest"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ShareLink"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listMyVisitors: {
        parameters: {
            query?: {
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
                /** @description 页面 */
                page?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListMyVisitor"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    getOverview: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Overview"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listPages: {
        parameters: {
            query?: {
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListPublicPage"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    getPage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageDefinition"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    previewPage: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PreviewPageRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PagePreview"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listScores: {
        parameters: {
            query?: {
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListScore"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    previewSegment: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PreviewInputBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Preview"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    signIn: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignInInputBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    signOut: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listSignInWays: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignInWays"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    beginWeComSignIn: {
        parameters: {
            query?: {
                /** @description CorpID/AgentID；不填为第一个企业微信应用 */
                app?: string;
                /** @description 登录后打开的页面，以 /staff/ 开头 */
                to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Found */
            302: {
                headers: {
                    Location?: string;
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    endWeComSignIn: {
        parameters: {
            query?: {
                code?: string;
                state?: string;
            };
            header?: never;
            path?: never;
            cookie?: {
                "koi-errand"?: string;
            };
        };
        requestBody?: never;
        responses: {
            /** @description Found */
            302: {
                headers: {
                    Location?: string;
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listSettings: {
        parameters: {
            query?: {
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 只看这一类，如 tag、score、journey */
                kind?: string;
                /** @description 每页条数 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListSetting"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    applySettings: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApplyInputBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Report"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    exportSettings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description 配置包（YAML） */
            200: {
                headers: {
                    "Content-Disposition"?: string;
                    "Content-Type"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/yaml": string;
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    setUp: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetUpInputBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listShares: {
        parameters: {
            query?: {
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
                /** @description 页面 */
                page?: string;
                /** @description 源头的分享标记 */
                root?: string;
                /** @description 源头员工的 userid 或 CorpID/userid */
                staff?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListShareChain"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    mintShare: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewShare"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ShareLink"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    getShare: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                token: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ShareTree"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    reverseCredit: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReverseCreditRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ShareNode"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    sumShares: {
        parameters: {
            query?: {
                /** @description 按源头员工，还是按页面 */
                by?: "staff" | "page";
                page?: string;
                /** @description 源头员工的 userid 或 CorpID/userid */
                staff?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListShareSum"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listSMSTemplates: {
        parameters: {
            query?: {
                /** @description 只看一个短信签名 */
                account?: string;
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SMSTemplates"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    refreshSMSTemplates: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SMSTemplates"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listStaff: {
        parameters: {
            query?: {
                corp_id?: string;
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListStaffMember"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listStages: {
        parameters: {
            query?: {
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListStage"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    openStream: {
        parameters: {
            query?: {
                /** @description 只看这位客户 */
                contact?: string;
                /** @description 逗号分隔；不填为有权限的全部。events 是整条时间线，messages、journeys 是其中的消息与旅程 */
                topics?: ("events" | "messages" | "journeys" | "system")[];
            };
            header?: {
                /** @description 断线重连时由浏览器带上，从那里继续 */
                "Last-Event-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description server-sent events：event、message、journey（data 为时间线的一条，可能重复，按 id 去重）、system、reset（请重新读取）、bye（连接将结束，自动重连） */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    getSystem: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["System"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    examine: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Examination"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listTags: {
        parameters: {
            query?: {
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListTag"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listUsers: {
        parameters: {
            query?: {
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListUser"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    addUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewUserInputBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    getUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    changeUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description 您看到的版本，GET 返回的 ETag，如 "3"；与现行版本不同则 412 */
                "If-Match"?: string;
                /** @description 新建时写 *：已经有了则 412 */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserChangeInputBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    listWebhooks: {
        parameters: {
            query?: {
                /** @description 上一页返回的 next；不填为第一页 */
                cursor?: string;
                /** @description 每页条数 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListWebhook"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    addWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewWebhookInputBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    getWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    deleteWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    changeWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description 您看到的版本，GET 返回的 ETag，如 "3"；与现行版本不同则 412 */
                "If-Match"?: string;
                /** @description 新建时写 *：已经有了则 412 */
                "If-None-Match"?: string;
            };
            path: {
                key: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookChange"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    rotateWebhookSecret: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path: {
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
    testWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description 同一个值的重复请求只做一次，24 小时内返回第一次的结果 */
                "Idempotency-Key"?: string;
            };
            path: {
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookTrial"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Failure"];
                };
            };
        };
    };
}
